#include "OutputFile.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace recorder {

namespace {

constexpr size_t FlushAtBytes = 256 * 1024;

std::system_error ErrorOf(const char* what, const std::filesystem::path& path) {
  return std::system_error(errno, std::generic_category(), std::string(what) + " " + path.string());
}

}  // namespace

OutputFile::OutputFile(const std::filesystem::path& stem, const char* extension) {
  for (int number = 1; descriptor_ < 0; ++number) {
    path_ = stem;
    if (number > 1) {
      path_ += "-";
      path_ += std::to_string(number);
    }
    path_ += extension;
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (descriptor_ < 0 && errno != EEXIST) {
      throw ErrorOf("cannot create", path_);
    }
  }
}

OutputFile::~OutputFile() { close(descriptor_); }

void OutputFile::EndPiece() {
  if (buffer_.size() >= FlushAtBytes) {
    Flush();
  }
}

void OutputFile::Flush() {
  // Whatever becomes of them: what could not be written once is not tried again.
  const std::string bytes = std::exchange(buffer_, {});
  const off_t begin = bytes.empty() ? 0 : lseek(descriptor_, 0, SEEK_CUR);

  for (size_t written = 0; written < bytes.size();) {
    const ssize_t result = write(descriptor_, bytes.data() + written, bytes.size() - written);

    if (result > 0) {
      written += static_cast<size_t>(result);
    } else if (errno != EINTR) {
      const auto error = ErrorOf("cannot write", path_);

      if (ftruncate(descriptor_, begin) == 0) {
        lseek(descriptor_, begin, SEEK_SET);
      }
      throw error;
    }
  }
}

}  // namespace recorder
