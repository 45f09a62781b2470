#include "Queries.hpp"

#include <utility>

namespace mph::host {

using Mph::Control::QueryWhat;

static_assert(MPH_QUERY_RTP_PARAMETERS == static_cast<int>(QueryWhat::RtpParameters) &&
              MPH_QUERY_CONSUMERS == static_cast<int>(QueryWhat::Consumers) &&
              MPH_QUERY_SENDER_REPORTS == static_cast<int>(QueryWhat::SenderReports) &&
              MPH_QUERY_SCORES == static_cast<int>(QueryWhat::Scores) && MPH_QUERY_SCORES == static_cast<int>(QueryWhat::MAX));

mph_result Queries::Ask(uint32_t router, mph_query what, uint32_t object, uint64_t call) {
  if (router == 0 || what < MPH_QUERY_RTP_PARAMETERS || what > MPH_QUERY_SCORES) {
    return MPH_INVALID;
  }

  const auto served = routers_.Find(router);

  if (!served) {
    return MPH_UNKNOWN;
  }

  {
    const std::lock_guard lock(mutex_);

    if (unanswered_.size() >= MaxUnanswered) {
      return MPH_FULL;
    }

    flatbuffers::FlatBufferBuilder builder;
    const auto query = Mph::Control::CreateQuery(builder, served->ring, static_cast<QueryWhat>(what), object);

    // 0 is for messages that nobody answers.
    lastId_ = lastId_ + 1 != 0 ? lastId_ + 1 : 1;
    unsent_.push_back(MakeFrame(builder, lastId_, query));
    unanswered_.emplace(lastId_, Asked{router, call});
    // Relaxed: see HasUnsent().
    hasUnsent_.store(true, std::memory_order_relaxed);
  }
  wakeup_.Ring();

  return MPH_OK;
}

std::vector<Bytes> Queries::TakeUnsent() {
  const std::lock_guard lock(mutex_);

  // Relaxed: see HasUnsent().
  hasUnsent_.store(false, std::memory_order_relaxed);

  return std::exchange(unsent_, {});
}

std::optional<Queries::Asked> Queries::TakeAsked(uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto node = unanswered_.extract(id);

  return node.empty() ? std::nullopt : std::optional(node.mapped());
}

mph_result ToResult(Mph::Control::ErrorCode code) {
  switch (code) {
    case Mph::Control::ErrorCode::None:
      return MPH_OK;
    case Mph::Control::ErrorCode::NotFound:
      return MPH_UNKNOWN;
    default:
      return MPH_INVALID;
  }
}

}  // namespace mph::host
