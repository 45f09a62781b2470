// Test Anything Protocol, as much of it as these tests need. A test's name is a sentence that is true when it passes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>

namespace tap {

inline int count = 0;
inline int failed = 0;

inline bool ok(bool passed, std::string_view name) {
  ++count;
  failed += passed ? 0 : 1;
  std::printf("%s %d - %.*s\n", passed ? "ok" : "not ok", count, static_cast<int>(name.size()), name.data());
  // So that a crash in the next test leaves this one's line behind.
  std::fflush(stdout);
  return passed;
}

inline void comment(const std::string& text) { std::printf("# %s\n", text.c_str()); }

template <typename T>
std::string show(const T& value) {
  if constexpr (std::is_convertible_v<T, std::string_view>) {
    return '"' + std::string(std::string_view(value)) + '"';
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<int64_t>(value));
  } else {
    return std::to_string(value);
  }
}

template <typename Found, typename Wanted>
bool is(const Found& found, const Wanted& wanted, std::string_view name) {
  bool same;
  if constexpr (std::is_integral_v<Found> && std::is_integral_v<Wanted>) {
    // Signed and unsigned compare by value.
    same = static_cast<int64_t>(found) == static_cast<int64_t>(wanted);
  } else {
    same = found == wanted;
  }
  ok(same, name);
  if (!same) {
    std::printf("  ---\n  found: %s\n  wanted: %s\n  ...\n", show(found).c_str(), show(wanted).c_str());
  }
  return same;
}

// Whether `body` throws an Exception whose message has `part` in it.
template <typename Exception, typename Body>
bool throws(Body&& body, std::string_view part, std::string_view name) {
  std::string message = "nothing was thrown";
  bool right = false;
  try {
    body();
  } catch (const Exception& exception) {
    message = exception.what();
    right = message.find(part) != std::string::npos;
  }
  ok(right, name);
  if (!right) {
    std::printf("  ---\n  found: %s\n  wanted: a message with %s\n  ...\n", show(message).c_str(), show(part).c_str());
  }
  return right;
}

// Last statement of main(): prints the plan, gives the exit code.
inline int done() {
  std::printf("1..%d\n", count);
  return failed == 0 && count > 0 ? 0 : 1;
}

// Random, and the same again: MPH_TEST_SEED repeats a run, whose seed is in its output.
inline std::mt19937_64 makeRandom() {
  const char* wanted = std::getenv("MPH_TEST_SEED");
  const uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : std::random_device{}();
  comment("MPH_TEST_SEED=" + std::to_string(seed));
  return std::mt19937_64(seed);
}

}  // namespace tap
