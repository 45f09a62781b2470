#include "Error.hpp"

#include <system_error>

namespace mph::host {

Error Error::System(const std::string& what, int errorNumber) {
  return {Mph::Control::ErrorCode::System, what + ": " + std::generic_category().message(errorNumber)};
}

}  // namespace mph::host
