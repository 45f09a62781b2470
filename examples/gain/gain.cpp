// gain: makes audio louder or softer. It takes Opus packets, decodes and encodes them in a thread of its own, and injects what comes of them into
// the same stream. For filter attachments to audio; what is not Opus is accepted as it is.
//
// Config: {"dB": number from -60 to 30}. The app may change it: plugin.request('setGain', { dB: -6 }).

#include "../common/PacketQueue.hpp"
#include "Transcoder.hpp"

#include "mph_plugin.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

namespace {

// Behind it: the Opus packet. Without one: the producer is closed.
struct Item {
  bool isPacket;
  uint32_t router;
  uint32_t producer;
  uint32_t ssrc;
  uint32_t timestamp;
  uint16_t sequenceNumber;
  uint8_t payloadType;
  bool marker;
  uint8_t audioLevel;
  bool voice;
  uint64_t cause;
};

constexpr size_t QueueBytes = 1024 * 1024;
// Room that packets leave to events.
constexpr size_t EventReserve = 64 * 1024;
constexpr uint8_t UnknownLevel = 255;

class Gain {
 public:
  Gain(const mph_host* host, mph_instance* instance, float decibels)
      : host_(host), instance_(instance), decibels_(decibels), queue_(QueueBytes), thread_([this] { Run(); }) {}

  ~Gain() {
    queue_.Close();
    thread_.join();
  }

  void OnPackets(const mph_batch& batch) {
    for (uint32_t i = 0; i < batch.count; ++i) {
      const mph_packet& packet = *batch.packets[i];
      const uint32_t around = uint32_t{packet.rtp_header_length} + packet.rtp_padding_length;

      if (packet.codec != MPH_CODEC_OPUS || packet.full_length <= around || packet.copied_length < packet.full_length) {
        continue;  // verdicts[i] says MPH_ACCEPT already
      }

      const Item item{
          .isPacket = true,
          .router = batch.router,
          .producer = packet.producer,
          .ssrc = packet.ssrc,
          .timestamp = packet.timestamp,
          .sequenceNumber = packet.sequence_number,
          .payloadType = packet.payload_type,
          .marker = (packet.flags & MPH_PACKET_MARKER) != 0,
          .audioLevel = packet.audio_level,
          .voice = (packet.flags & MPH_PACKET_VOICE) != 0,
          .cause = batch.causes[i],
      };

      // Who is behind loses packets, and does not let some through in their old loudness.
      if (queue_.Push(item, mph_packet_bytes(&packet) + packet.rtp_header_length, packet.full_length - around, EventReserve)) {
        batch.verdicts[i] = MPH_TAKE;
      } else {
        batch.verdicts[i] = MPH_DROP;
        ++overflowed_;
      }
    }
  }

  void OnEvent(const mph_event& event) {
    if (event.type == MPH_EVENT_PRODUCER_CLOSED) {
      queue_.Push(Item{.isPacket = false, .producer = event.producer}, nullptr, 0);
    }
  }

  void OnMessage(const mph_message& message) {
    std::string error;

    if (std::string_view(message.method) != "setGain") {
      error = std::string("unknown method ") + message.method + "; known is setGain";
    } else {
      try {
        decibels_ = ReadDecibels({static_cast<const char*>(message.body), message.body == nullptr ? 0 : message.length});
      } catch (const std::exception& exception) {
        error = exception.what();
      }
    }
    if (message.request == 0) {
      if (!error.empty()) {
        host_->log(instance_, MPH_LOG_WARN, error.c_str());
      }

      return;
    }

    const std::string body = error.empty() ? nlohmann::json{{"dB", decibels_.load()}}.dump() : error;

    host_->reply(instance_, message.request, !error.empty(), body.data(), body.size(), 0);
  }

  void OnTick() { host_->count(instance_, "overflowed", std::exchange(overflowed_, 0)); }

  // Throws std::exception.
  static float ReadDecibels(std::string_view text) {
    const auto config = nlohmann::json::parse(text);

    const bool hasNumber = config.is_object() && config.size() == 1 && config.contains("dB") && config["dB"].is_number();

    if (!hasNumber || config["dB"] < -60 || config["dB"] > 30) {
      throw std::invalid_argument("wanted is {\"dB\": a number from -60 to 30}, not " + config.dump());
    }

    return config["dB"].get<float>();
  }

 private:
  // [own thread] until the queue is closed.
  void Run() {
    while (const auto item = queue_.Pop([this] { Report(); })) {
      if (item->header.isPacket) {
        Transcode(item->header, item->bytes);
      } else {
        streams_.erase(item->header.producer);
      }
    }
    Report();
  }

  void Transcode(const Item& item, std::span<const uint8_t> packet) {
    const float decibels = decibels_.load(std::memory_order_relaxed);  // one value, which nothing else depends on
    auto& transcoder = streams_[item.producer][item.ssrc];
    const float factor = std::pow(10.0F, decibels / 20);
    const bool isProcessed = transcoder.Process(item.sequenceNumber, packet, factor, [&](uint32_t samples, std::span<const uint8_t> payload) {
      const mph_rtp rtp{
          .size = sizeof(mph_rtp),
          .router = item.router,
          .producer = item.producer,
          .ssrc = item.ssrc,
          .timestamp = item.timestamp + samples,
          .payload_type = item.payloadType,
          .marker = item.marker && samples == 0,
          .audio_level = LevelOf(item.audioLevel, decibels),
          .voice = item.voice,
          .payload = payload.data(),
          .payload_length = static_cast<uint32_t>(payload.size()),
          .cause = item.cause,
      };

      ++(host_->inject_rtp(instance_, &rtp, nullptr) == MPH_OK ? injected_ : undelivered_);
    });

    if (!isProcessed) {
      ++skipped_;
    }
  }

  static uint8_t LevelOf(uint8_t level, float decibels) {
    return level == UnknownLevel ? level : static_cast<uint8_t>(std::clamp(std::lround(static_cast<float>(level) - decibels), 0L, 127L));
  }

  void Report() {
    host_->count(instance_, "injected", std::exchange(injected_, 0));
    host_->count(instance_, "skipped", std::exchange(skipped_, 0));
    host_->count(instance_, "undelivered", std::exchange(undelivered_, 0));
  }

  const mph_host* const host_;
  mph_instance* const instance_;
  std::atomic<float> decibels_;
  uint64_t overflowed_{0};  // [host's thread]
  // [own thread]
  std::unordered_map<uint32_t, std::unordered_map<uint32_t, Transcoder>> streams_;  // by producer and SSRC
  uint64_t injected_{0};
  uint64_t skipped_{0};
  uint64_t undelivered_{0};
  // Both. The thread is the last to be made: it uses all of them.
  PacketQueue<Item> queue_;
  std::thread thread_;
};

Gain& Self(void* self) { return *static_cast<Gain*>(self); }

// What it throws is the reason that the app's createPlugin() rejects with.
int Create(const mph_host* host, mph_instance* instance, const mph_instance_info* info, void** self, char*, size_t) {
  *self = new Gain(host, instance, Gain::ReadDecibels({info->config, info->config_length}));

  return 0;
}

const mph_plugin Plugin{
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "gain",
    .version = "1.0.0",
    .create = Create,
    .destroy = [](void* self) { delete &Self(self); },
    .on_packets = [](void* self, const mph_batch* batch) { Self(self).OnPackets(*batch); },
    .on_event = [](void* self, const mph_event* event) { Self(self).OnEvent(*event); },
    .on_tick = [](void* self, uint64_t) { Self(self).OnTick(); },
    .tick_interval_ms = 100,
    .on_message = [](void* self, const mph_message* message) { Self(self).OnMessage(*message); },
};

}  // namespace

const mph_plugin* mph_plugin_entry(void) { return &Plugin; }
