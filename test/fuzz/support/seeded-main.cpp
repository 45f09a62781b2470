// Drives a target without libFuzzer: every file and folder of the command line as it is, then mutations of them from a seed. The same seed
// is the same run.
//
//   <target> --runs N --seed S --max-length L corpus/… regressions/…
//
// The last line is {"inputs":…,"executions":…}. Of a run that ends otherwise the input stands in ./crash-input.

#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Input = std::vector<uint8_t>;

struct Options {
  uint64_t runs{0};
  uint64_t seed{1};
  size_t maxLength{512};
  std::vector<std::filesystem::path> paths;
};

const Input* current = nullptr;

// Async-signal-safe.
void SaveCurrent() {
  const int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

  if (current != nullptr && fd >= 0) {
    [[maybe_unused]] const auto written = write(fd, current->data(), current->size());
  }
}

void OnAbort(int signal) {
  SaveCurrent();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Run(const Input& input) {
  current = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

Input Read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);

  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<Input> ReadAll(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::filesystem::path> files;

  for (const auto& path : paths) {
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) {
        files.push_back(entry.path());
      }
    } else {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());

  std::vector<Input> inputs;

  for (const auto& file : files) {
    inputs.push_back(Read(file));
  }

  return inputs;
}

class Mutator {
 public:
  Mutator(uint64_t seed, size_t maxLength, const std::vector<Input>& inputs) : random_(seed), maxLength_(maxLength), inputs_(inputs) {}

  Input Next() {
    auto input = inputs_.empty() ? Input() : inputs_[Below(inputs_.size())];

    for (auto count = 1 + Below(6); count > 0; --count) {
      Mutate(input);
    }
    input.resize(std::min(input.size(), maxLength_));

    return input;
  }

 private:
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }

  uint8_t Byte() { return static_cast<uint8_t>(random_()); }

  void Mutate(Input& input) {
    static constexpr uint64_t Edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX};
    const auto at = Below(input.size() + 1);

    switch (Below(7)) {
      case 0:
        if (at < input.size()) {
          input[at] ^= static_cast<uint8_t>(1U << Below(8));
        }
        break;
      case 1:
        if (at < input.size()) {
          input[at] = Byte();
        }
        break;
      case 2:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), 1 + Below(8), Byte());
        break;
      case 3:
        input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                    input.begin() + static_cast<std::ptrdiff_t>(std::min(input.size(), at + 1 + Below(8))));
        break;
      case 4: {
        const auto edge = Edges[Below(std::size(Edges))];
        const auto length = std::min(input.size() - at, size_t{1} << Below(4));

        if (length > 0) {
          std::memcpy(input.data() + at, &edge, length);
        }
        break;
      }
      case 5: {
        // The end of another one.
        const auto& other = inputs_.empty() ? input : inputs_[Below(inputs_.size())];
        const auto from = Below(other.size() + 1);
        const Input tail(other.begin() + static_cast<std::ptrdiff_t>(from), other.end());

        input.resize(at);
        input.insert(input.end(), tail.begin(), tail.end());
        break;
      }
      default:
        for (auto count = 1 + Below(32); count > 0; --count) {
          input.push_back(Byte());
        }
    }
  }

  std::mt19937_64 random_;
  const size_t maxLength_;
  const std::vector<Input>& inputs_;
};

Options Parse(int argc, char** argv) {
  Options options;

  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool hasValue = i + 1 < argc;

    if (word == "--runs" && hasValue) {
      options.runs = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seed" && hasValue) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--max-length" && hasValue) {
      options.maxLength = std::strtoull(argv[++i], nullptr, 10);
    } else {
      options.paths.emplace_back(word);
    }
  }

  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = Parse(argc, argv);
  const auto inputs = ReadAll(options.paths);

  __sanitizer_set_death_callback(SaveCurrent);
  std::signal(SIGABRT, OnAbort);

  for (const auto& input : inputs) {
    Run(input);
  }

  Mutator mutator(options.seed, options.maxLength, inputs);

  for (uint64_t run = 0; run < options.runs; ++run) {
    const auto input = mutator.Next();

    Run(input);
  }
  current = nullptr;
  std::printf("{\"inputs\":%zu,\"executions\":%llu}\n", inputs.size(), static_cast<unsigned long long>(inputs.size() + options.runs));

  return 0;
}
