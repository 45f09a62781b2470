// Whether bytes of a plugin's are text: what is handed to the app as JSON or as a message must not break there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mph::host {

// As RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
constexpr bool IsUtf8(std::span<const uint8_t> bytes) {
  const auto isTail = [&](size_t at, uint8_t from = 0x80, uint8_t to = 0xbf) {
    return at < bytes.size() && bytes[at] >= from && bytes[at] <= to;
  };

  for (size_t i = 0; i < bytes.size();) {
    const auto lead = bytes[i];

    if (lead < 0x80) {
      i += 1;
    } else if (lead >= 0xc2 && lead <= 0xdf && isTail(i + 1)) {
      i += 2;
    } else if (lead >= 0xe0 && lead <= 0xef && isTail(i + 1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && isTail(i + 2)) {
      i += 3;
    } else if (lead >= 0xf0 && lead <= 0xf4 && isTail(i + 1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && isTail(i + 2) &&
               isTail(i + 3)) {
      i += 4;
    } else {
      return false;
    }
  }

  return true;
}

}  // namespace mph::host
