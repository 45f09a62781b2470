// throttle: a filter that drops what a producer sends over a limit. One token bucket per producer, filled by the times at which
// the worker received the packets: no clock is read, and a host that lags behind decides as one that does not.
//
// Config: {"packetsPerSecond": number > 0, "burst": number >= 1, a tenth of a second's packets when absent}

#include "mph_plugin.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace {

struct Limit {
  double packetsPerSecond;
  double burst;
};

// Starts full, so that a producer may begin with a burst.
class TokenBucket {
 public:
  TokenBucket(const Limit& limit, uint64_t now) : limit_(limit), tokens_(limit.burst), filledAt_(now) {}

  bool Take(uint64_t now) {
    // A packet that is delivered again after a crash may be older than the one before it: no time has passed then.
    if (now > filledAt_) {
      const double elapsedSeconds = static_cast<double>(now - filledAt_) * 1e-9;

      tokens_ = std::min(limit_.burst, tokens_ + elapsedSeconds * limit_.packetsPerSecond);
      filledAt_ = now;
    }
    if (tokens_ < 1) {
      return false;
    }
    tokens_ -= 1;

    return true;
  }

 private:
  const Limit& limit_;
  double tokens_;
  uint64_t filledAt_;
};

// One per worker. The host calls it from one thread at a time, so nothing here needs a lock.
class Throttle {
 public:
  Throttle(const mph_host* host, mph_instance* instance, const Limit& limit) : host_(host), instance_(instance), limit_(limit) {}

  // The bucket refers to this object's limit.
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  void OnPackets(const mph_batch& batch) {
    for (uint32_t i = 0; i < batch.count; ++i) {
      const mph_packet& packet = *batch.packets[i];
      auto& bucket = buckets_.try_emplace(packet.producer, limit_, packet.received_at_ns).first->second;

      // verdicts[i] says MPH_ACCEPT already.
      if (bucket.Take(packet.received_at_ns)) {
        ++passed_;
      } else {
        batch.verdicts[i] = MPH_DROP;
        ++dropped_;
      }
    }
  }

  void OnEvent(const mph_event& event) {
    if (event.type == MPH_EVENT_PRODUCER_CLOSED) {
      buckets_.erase(event.producer);
    }
  }

  // A call per packet would cost more than the decision: sums are handed over here.
  void OnTick() {
    host_->count(instance_, "passed", std::exchange(passed_, 0));
    host_->count(instance_, "dropped", std::exchange(dropped_, 0));
  }

 private:
  const mph_host* const host_;
  mph_instance* const instance_;
  const Limit limit_;
  std::unordered_map<uint32_t, TokenBucket> buckets_;
  uint64_t passed_{0};
  uint64_t dropped_{0};
};

double ReadNumber(const nlohmann::json& config, const char* field, double minimum, const char* rule) {
  const auto& value = config.at(field);

  if (!value.is_number() || value < minimum) {
    throw std::invalid_argument(std::string("config.") + field + " must be a number " + rule + ", not " + value.dump());
  }

  return value.get<double>();
}

Limit ReadConfig(std::string_view text) {
  const auto config = nlohmann::json::parse(text);

  if (!config.is_object()) {
    throw std::invalid_argument("config must be an object like {\"packetsPerSecond\": 200}, not " + config.dump());
  }
  for (const auto& [field, value] : config.items()) {
    if (field != "packetsPerSecond" && field != "burst") {
      throw std::invalid_argument("config." + field + " is unknown; known are packetsPerSecond and burst");
    }
  }
  if (!config.contains("packetsPerSecond")) {
    throw std::invalid_argument("config.packetsPerSecond is missing; it must be a number greater than 0");
  }

  const double packetsPerSecond = ReadNumber(config, "packetsPerSecond", std::numeric_limits<double>::min(), "greater than 0");
  // A bucket that cannot hold one token would never let a packet pass.
  const double burst = config.contains("burst") ? ReadNumber(config, "burst", 1, "of at least 1") : std::ceil(packetsPerSecond / 10);

  return {packetsPerSecond, burst};
}

Throttle& Self(void* self) { return *static_cast<Throttle*>(self); }

// What it throws is the reason that the app's createPlugin() rejects with.
int Create(const mph_host* host, mph_instance* instance, const mph_instance_info* info, void** self, char*, size_t) {
  *self = new Throttle(host, instance, ReadConfig({info->config, info->config_length}));

  return 0;
}

constexpr uint32_t TickIntervalMs = 100;

const mph_plugin Plugin{
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "throttle",
    .version = "1.0.0",
    .create = Create,
    .destroy = [](void* self) { delete &Self(self); },
    .on_packets = [](void* self, const mph_batch* batch) { Self(self).OnPackets(*batch); },
    .on_event = [](void* self, const mph_event* event) { Self(self).OnEvent(*event); },
    .on_tick = [](void* self, uint64_t) { Self(self).OnTick(); },
    .tick_interval_ms = TickIntervalMs,
    .reserved = 0,
    .on_restore = nullptr,
};

}  // namespace

const mph_plugin* mph_plugin_entry(void) { return &Plugin; }
