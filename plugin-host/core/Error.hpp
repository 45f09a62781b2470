// What the set-up path throws: a code that the app can act on and a message that names the thing, the reason and the remedy.
#pragma once

#include "mph/fbs/control.h"

#include <stdexcept>
#include <string>

namespace mph::host {

class Error : public std::runtime_error {
 public:
  Error(Mph::Control::ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  // A system call failed: `what` could not be done because of `errorNumber`.
  static Error System(const std::string& what, int errorNumber);

  Mph::Control::ErrorCode Code() const { return code_; }

 private:
  Mph::Control::ErrorCode code_;
};

}  // namespace mph::host
