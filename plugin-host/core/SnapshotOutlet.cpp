#include "SnapshotOutlet.hpp"

namespace mph::host {

static_assert(MPH_SNAPSHOT_MAX == static_cast<size_t>(Mph::Control::Limit::MaxSnapshotBytes));

mph_result SnapshotOutlet::Send(const void* bytes, size_t length) {
  if (length > MPH_SNAPSHOT_MAX || (bytes == nullptr && length > 0)) {
    return MPH_INVALID;
  }

  const std::lock_guard lock(mutex_);

  if (served_.empty()) {
    return MPH_UNKNOWN;
  }
  if (!unsent_.expired()) {
    return MPH_FULL;
  }

  flatbuffers::FlatBufferBuilder builder(length + 512);
  const auto copy = builder.CreateVector(static_cast<const uint8_t*>(bytes), length);
  const auto pluginId = builder.CreateString(pluginId_);
  auto frame = MakeFrame(builder, 0, Mph::Control::CreateSnapshot(builder, workerPid_, shard_, copy, pluginId));
  const auto untilSent = std::make_shared<char>();

  unsent_ = untilSent;
  sink_(std::move(frame), untilSent);

  return MPH_OK;
}

void SnapshotOutlet::SetWorker(uint32_t pid) {
  const std::lock_guard lock(mutex_);

  workerPid_ = pid;
}

void SnapshotOutlet::Open(uint32_t router) {
  const std::lock_guard lock(mutex_);

  served_.insert(router);
}

void SnapshotOutlet::Close(uint32_t router) {
  const std::lock_guard lock(mutex_);

  served_.erase(router);
}

}  // namespace mph::host
