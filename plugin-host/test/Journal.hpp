// What a plugin heard, in order.
#pragma once

#include "Wait.hpp"

#include <unistd.h>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "tap.hpp"

namespace mph::test {

// A file that the plugin `journal` writes.
class Journal {
 public:
  Journal() : path_("/tmp/mph-test-journal-" + std::to_string(getpid()) + "-" + std::to_string(++count_)) { std::remove(path_.c_str()); }
  ~Journal() { std::remove(path_.c_str()); }

  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  std::string Config() const { return R"({"file": ")" + path_ + R"("})"; }

  std::string Text() const {
    std::ifstream file(path_);
    std::ostringstream text;

    text << file.rdbuf();

    return text.str();
  }

  // Fails with what is there instead.
  void AwaitText(const std::string& wanted, const char* name) const {
    Until([&] { return Text() == wanted; });
    tap::is(Text(), wanted, name);
  }

 private:
  static inline int count_ = 0;
  const std::string path_;
};

}  // namespace mph::test
