// level-to-data: listens to Opus and tells how loud it is: every 100 ms a message {"producerId": id, "dBov": number} per producer, to the data
// consumers of chosen data producers. It decodes in a thread of its own. For attachments in observe mode, to audio and to those data producers.
//
// Config, and the context of an attachment: {"dataProducer": id, "label": text}, one of the two or both

#include "../common/PacketQueue.hpp"
#include "Loudness.hpp"
#include "Targets.hpp"

#include "mph_plugin.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

enum class ItemType : uint8_t { Packet, ProducerCreated, ProducerClosed, DataProducerCreated, DataProducerClosed, ContextGiven, RouterClosed, Tick };

// Behind it: the Opus packet, an id, an id and behind a zero its parameters, or a context.
struct Item {
  ItemType type;
  uint32_t router;
  uint32_t producer;
};

struct Speaker {
  uint32_t router;
  std::string id;
  Loudness loudness;
};

constexpr size_t QueueBytes = 1024 * 1024;
// Room that packets leave to events.
constexpr size_t EventReserve = 64 * 1024;

class LevelToData {
 public:
  LevelToData(const mph_host* host, mph_instance* instance, Targets targets)
      : host_(host), instance_(instance), targets_(std::move(targets)), queue_(QueueBytes), thread_([this] { Run(); }) {}

  ~LevelToData() {
    queue_.Close();
    thread_.join();
  }

  void OnPackets(const mph_batch& batch) {
    for (uint32_t i = 0; i < batch.count; ++i) {
      const mph_packet& packet = *batch.packets[i];
      const uint32_t around = uint32_t{packet.rtp_header_length} + packet.rtp_padding_length;

      if (packet.codec != MPH_CODEC_OPUS || packet.full_length <= around || packet.copied_length < packet.full_length) {
        continue;
      }
      if (!queue_.Push({ItemType::Packet, batch.router, packet.producer}, mph_packet_bytes(&packet) + packet.rtp_header_length,
                       packet.full_length - around, EventReserve)) {
        ++overflowed_;
      }
    }
  }

  void OnEvent(const mph_event& event) {
    switch (event.type) {
      case MPH_EVENT_PRODUCER_CREATED:
        return event.kind == MPH_AUDIO ? Push(ItemType::ProducerCreated, event, event.producer_id) : void();
      case MPH_EVENT_PRODUCER_CLOSED: return Push(ItemType::ProducerClosed, event, "");
      case MPH_EVENT_DATA_PRODUCER_CREATED:
        return Push(ItemType::DataProducerCreated, event,
                    std::string(event.producer_id) + '\0' + (event.parameters == nullptr ? "" : event.parameters));
      case MPH_EVENT_DATA_PRODUCER_CLOSED: return Push(ItemType::DataProducerClosed, event, "");
      case MPH_EVENT_ATTACHMENT_ADDED: return Push(ItemType::ContextGiven, event, event.context == nullptr ? "" : event.context);
      case MPH_EVENT_ROUTER_CLOSED: return Push(ItemType::RouterClosed, event, "");
      default: return;
    }
  }

  void OnTick() {
    // Without room the thread is far behind, and the next tick will do.
    queue_.Push({ItemType::Tick, 0, 0}, nullptr, 0, EventReserve);
    host_->count(instance_, "overflowed", std::exchange(overflowed_, 0));
  }

 private:
  void Push(ItemType type, const mph_event& event, std::string_view text) {
    if (!queue_.Push({type, event.router, event.producer}, text.data(), text.size())) {
      host_->log(instance_, MPH_LOG_ERROR, "an event is lost: the decoding thread is too far behind");
    }
  }

  // [own thread] until the queue is closed.
  void Run() {
    while (const auto item = queue_.Pop()) {
      Handle(item->header, {reinterpret_cast<const char*>(item->bytes.data()), item->bytes.size()}, item->bytes);
    }
  }

  void Handle(const Item& item, std::string_view text, std::span<const uint8_t> bytes) {
    switch (item.type) {
      case ItemType::Packet:
        if (const auto speaker = speakers_.find(item.producer); speaker == speakers_.end() || !speaker->second.loudness.Add(bytes)) {
          ++skipped_;
        }
        return;
      case ItemType::ProducerCreated:
        // A host that was taken off and put on again hears once more of what it knows.
        speakers_.try_emplace(item.producer, Speaker{item.router, std::string(text), {}});
        return;
      case ItemType::ProducerClosed: speakers_.erase(item.producer); return;
      case ItemType::DataProducerCreated: {
        const size_t end = text.find('\0');

        return targets_.Add(item.router, item.producer, std::string(text.substr(0, end)), text.substr(end + 1));
      }
      case ItemType::DataProducerClosed: return targets_.Remove(item.router, item.producer);
      case ItemType::ContextGiven: return Want(text);
      case ItemType::RouterClosed:
        targets_.RemoveRouter(item.router);
        std::erase_if(speakers_, [&](const auto& speaker) { return speaker.second.router == item.router; });
        return;
      case ItemType::Tick: return Tell();
    }
  }

  void Want(std::string_view context) {
    try {
      targets_.Want(nlohmann::json::parse(context));
    } catch (const std::exception& error) {
      host_->log(instance_, MPH_LOG_WARN, (std::string("an attachment's context is of no use: ") + error.what()).c_str());
    }
  }

  void Tell() {
    for (auto& [number, speaker] : speakers_) {
      const nlohmann::json level{{"producerId", speaker.id}, {"dBov", std::round(speaker.loudness.Take() * 10) / 10}};
      const std::string message = level.dump();

      for (const uint32_t dataProducer : targets_.Of(speaker.router)) {
        const mph_data_out out{
            .size = sizeof(mph_data_out),
            .router = speaker.router,
            .data_producer = dataProducer,
            .ppid = MPH_PPID_STRING,
            .message = message.data(),
            .message_length = static_cast<uint32_t>(message.size()),
            .required_subchannel = -1,
        };

        ++(host_->inject_data(instance_, &out, nullptr) == MPH_OK ? sent_ : undelivered_);
      }
    }
    host_->count(instance_, "sent", std::exchange(sent_, 0));
    host_->count(instance_, "undelivered", std::exchange(undelivered_, 0));
    host_->count(instance_, "skipped", std::exchange(skipped_, 0));
  }

  const mph_host* const host_;
  mph_instance* const instance_;
  uint64_t overflowed_{0};  // [host's thread]
  // [own thread]
  Targets targets_;
  std::map<uint32_t, Speaker> speakers_;
  uint64_t sent_{0};
  uint64_t undelivered_{0};
  uint64_t skipped_{0};
  // Both. The thread is the last to be made: it uses all of them.
  PacketQueue<Item> queue_;
  std::thread thread_;
};

Targets ReadConfig(std::string_view text) {
  const auto config = nlohmann::json::parse(text);
  Targets targets;

  if (!config.is_object()) {
    throw std::invalid_argument("config must be an object like {\"label\": \"levels\"}, not " + config.dump());
  }
  for (const auto& [field, value] : config.items()) {
    if (field != "dataProducer" && field != "label") {
      throw std::invalid_argument("config." + field + " is unknown; known are dataProducer and label");
    }
  }
  targets.Want(config);

  return targets;
}

LevelToData& Self(void* self) { return *static_cast<LevelToData*>(self); }

// What it throws is the reason that the app's createPlugin() rejects with.
int Create(const mph_host* host, mph_instance* instance, const mph_instance_info* info, void** self, char*, size_t) {
  *self = new LevelToData(host, instance, ReadConfig({info->config, info->config_length}));

  return 0;
}

constexpr uint32_t LevelIntervalMs = 100;

const mph_plugin Plugin{
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "level-to-data",
    .version = "1.0.0",
    .create = Create,
    .destroy = [](void* self) { delete &Self(self); },
    .on_packets = [](void* self, const mph_batch* batch) { Self(self).OnPackets(*batch); },
    .on_event = [](void* self, const mph_event* event) { Self(self).OnEvent(*event); },
    .on_tick = [](void* self, uint64_t) { Self(self).OnTick(); },
    .tick_interval_ms = LevelIntervalMs,
};

}  // namespace

const mph_plugin* mph_plugin_entry(void) { return &Plugin; }
