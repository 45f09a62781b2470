// What the plugin `script` is to do, and what it has heard.
#pragma once

#include "FakeRing.hpp"
#include "Wait.hpp"

#include <unistd.h>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "tap.hpp"

namespace mph::test {

class Script {
 public:
  Script() : path_("/tmp/mph-test-script-" + std::to_string(getpid()) + "-" + std::to_string(++count_)) { Remove(); }
  ~Script() { Remove(); }

  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  // `script` empty: it accepts all.
  std::string Config(const std::string& name, const std::string& script) const {
    return R"({"file": ")" + path_ + R"(", "name": ")" + name + R"(", "script": ")" + (script.empty() ? "0=accept" : script) + R"("})";
  }

  // Those that were to answer later answer.
  void Go() const { std::ofstream(path_ + ".go") << "go"; }

  std::string Text() const {
    std::ifstream file(path_);
    std::ostringstream text;

    text << file.rdbuf();

    return text.str();
  }

  // Fails with what is there instead. `filler`: what payloads are made of that the test does not care for.
  void AwaitText(const std::string& wanted, const char* name, const std::string& filler = "\xab") const {
    const auto text = [&] {
      auto all = Text();

      for (auto at = all.find(filler); at != std::string::npos; at = all.find(filler, at)) {
        all.erase(at, filler.size());
      }

      return all;
    };

    Until([&] { return text() == wanted; });
    tap::is(text(), wanted, name);
  }

 private:
  void Remove() const {
    std::remove(path_.c_str());
    std::remove((path_ + ".go").c_str());
  }

  static inline int count_ = 0;
  const std::string path_;
};

inline Mph::Layout::VerdictRecord VerdictOf(const Record& record) {
  Require(record.type == Mph::Layout::RecordType::Verdict, "the record is a verdict");

  return record.As<Mph::Layout::VerdictRecord>();
}

inline std::string PayloadOf(const Record& record) {
  return {record.bytes.begin() + sizeof(Mph::Layout::VerdictRecord), record.bytes.end()};
}

}  // namespace mph::test
