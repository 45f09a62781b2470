#include "Orders.hpp"

#include "Clock.hpp"

#include <poll.h>
#include <unistd.h>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace mph::fuzz {

namespace {

constexpr uint64_t ListenEveryNs = 20'000'000;
constexpr uint64_t ReportEveryNs = 50'000'000;
constexpr int TokenMs = 60'000;

}  // namespace

std::string Orders::TakeToken() {
  if (!asked_) {
    std::puts("token");
  }
  while (tokens_.empty() && !over_) {
    Listen(TokenMs);
  }
  if (over_) {
    return {};
  }

  auto token = std::move(tokens_.front());

  tokens_.pop_front();
  std::puts("token");
  asked_ = true;
  return token;
}

bool Orders::IsOver() {
  if (const auto now = host::MonotonicNs(); !over_ && now - listenedAtNs_ > ListenEveryNs) {
    listenedAtNs_ = now;
    Listen(0);
  }
  return over_;
}

void Orders::Report(const Tally& tally, bool now) {
  const auto atNs = host::MonotonicNs();

  if (now || atNs - reportedAtNs_ > ReportEveryNs) {
    reportedAtNs_ = atNs;
    std::printf("{\"records\":%" PRIu64 ",\"sessions\":%" PRIu64 ",\"connections\":%" PRIu64 "}\n", tally.records, tally.sessions,
                tally.connections);
  }
}

void Orders::Listen(int ms) {
  std::array<char, 4096> bytes;
  pollfd readable{STDIN_FILENO, POLLIN, 0};

  if (poll(&readable, 1, ms) == 0) {
    return;
  }

  const auto count = read(STDIN_FILENO, bytes.data(), bytes.size());

  if (count <= 0) {
    over_ = true;
    return;
  }
  received_.append(bytes.data(), static_cast<size_t>(count));
  for (size_t end; (end = received_.find('\n')) != std::string::npos; received_.erase(0, end + 1)) {
    if (end == 0) {
      over_ = true;
    } else {
      tokens_.push_back(received_.substr(0, end));
    }
  }
}

}  // namespace mph::fuzz
