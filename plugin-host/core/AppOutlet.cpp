#include "AppOutlet.hpp"

#include "Utf8.hpp"

#include <cstring>
#include <limits>
#include <string_view>

namespace mph::host {

static_assert(MPH_MESSAGE_MAX == static_cast<size_t>(Mph::Control::MessageLimit::MaxBodyBytes));

namespace {

// Of a frame around a body.
constexpr size_t FrameOverhead = 512;

using Body = flatbuffers::Offset<flatbuffers::Vector<uint8_t>>;

bool IsText(const void* bytes, size_t length) { return IsUtf8({static_cast<const uint8_t*>(bytes), length}); }

bool IsBody(const void* body, size_t length, bool binary) {
  return length <= MPH_MESSAGE_MAX && (body != nullptr || length == 0) && (binary || IsText(body, length));
}

// No bytes are no JSON: then there is no body.
Body CreateBody(flatbuffers::FlatBufferBuilder& builder, const void* body, size_t length, bool binary) {
  return body == nullptr || (length == 0 && !binary) ? Body() : builder.CreateVector(static_cast<const uint8_t*>(body), length);
}

Bytes MakeReply(uint32_t request, bool failed, const void* body, size_t length, bool binary) {
  flatbuffers::FlatBufferBuilder builder(length + FrameOverhead);
  const auto copy = CreateBody(builder, body, length, binary);

  return MakeFrame(builder, request, Mph::Control::CreatePluginReply(builder, failed, copy, binary));
}

}  // namespace

Bytes MakeFailedReply(uint32_t request, const std::string& reason) { return MakeReply(request, true, reason.data(), reason.size(), false); }

AppOutlet::~AppOutlet() {
  for (const auto request : open_) {
    sink_(MakeFailedReply(
              request, "the instance of plugin " + pluginId_ + " for worker " + std::to_string(workerPid_) + " ended before it answered"),
          nullptr);
  }
}

void AppOutlet::SetWorker(uint32_t pid) {
  const std::lock_guard lock(mutex_);

  workerPid_ = pid;
}

void AppOutlet::OpenRequest(uint32_t request) {
  uint32_t oldest = 0;

  {
    const std::lock_guard lock(mutex_);

    open_.insert(request);
    if (open_.size() > MaxOpenRequests) {
      oldest = *open_.begin();
    }
  }
  if (oldest != 0) {
    Fail(oldest, "plugin " + pluginId_ + " has left more than " + std::to_string(MaxOpenRequests) + " requests unanswered");
  }
}

void AppOutlet::Fail(uint32_t request, const std::string& reason) {
  if (TakeOpen(request)) {
    sink_(MakeFailedReply(request, reason), nullptr);
  }
}

mph_result AppOutlet::Reply(uint64_t request, bool failed, const void* body, size_t length, bool binary) {
  // Why it failed is text, whatever the plugin says.
  const bool isBinary = binary && !failed;

  if (request == 0 || !IsBody(body, length, isBinary)) {
    return MPH_INVALID;
  }
  if (!TakeOpen(request)) {
    return MPH_UNKNOWN;
  }
  sink_(MakeReply(static_cast<uint32_t>(request), failed, body, length, isBinary), nullptr);

  return MPH_OK;
}

mph_result AppOutlet::Post(const char* name, const void* body, size_t length, bool binary) {
  const auto nameLength = name == nullptr ? 0 : strnlen(name, MaxNameLength + 1);

  if (nameLength == 0 || nameLength > MaxNameLength || !IsText(name, nameLength) || !IsBody(body, length, binary)) {
    return MPH_INVALID;
  }

  auto untilSent = budget_.Take(nameLength + length + FrameOverhead);

  if (untilSent == nullptr) {
    return MPH_FULL;
  }

  flatbuffers::FlatBufferBuilder builder(nameLength + length + FrameOverhead);
  const auto copy = CreateBody(builder, body, length, binary);
  const auto nameOffset = builder.CreateString(name, nameLength);
  const auto pluginId = builder.CreateString(pluginId_);
  uint32_t workerPid = 0;

  {
    const std::lock_guard lock(mutex_);

    workerPid = workerPid_;
  }
  sink_(MakeFrame(builder, 0, Mph::Control::CreatePluginMessage(builder, pluginId, workerPid, shard_, nameOffset, copy, binary)),
        std::move(untilSent));

  return MPH_OK;
}

bool AppOutlet::TakeOpen(uint64_t request) {
  const std::lock_guard lock(mutex_);

  return request <= std::numeric_limits<uint32_t>::max() && open_.erase(static_cast<uint32_t>(request)) > 0;
}

}  // namespace mph::host
