// recorder: all RTP of the producers that it is attached to, as one pcapng file per router, and their Opus as an Ogg file each. Packets are copied
// into a bounded queue; a thread of its own writes. For attachments in observe mode.
//
// Config: {"directory": path, "queueBytes": number, 16 MiB when absent}

#include "../common/PacketQueue.hpp"
#include "RouterRecording.hpp"

#include "mph_plugin.h"

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace recorder {
namespace {

struct Config {
  std::filesystem::path directory;
  size_t queueBytes;
};

enum class ItemType : uint8_t { Packet, RouterOpened, ProducerCreated, ProducerClosed, AllDetached, RouterClosed };

// Behind it: the packet, or the id of what is new.
struct Item {
  ItemType type;
  uint32_t router;
  PacketFacts packet;
};

// Room that packets leave to events.
constexpr size_t EventReserve = 64 * 1024;

class Recorder {
 public:
  Recorder(const mph_host* host, mph_instance* instance, Config config)
      : host_(host), instance_(instance), directory_(std::move(config.directory)), queue_(config.queueBytes), thread_([this] { Run(); }) {}

  // Writes what is in the queue, and ends all files.
  ~Recorder() {
    queue_.Close();
    thread_.join();
  }

  void OnPackets(const mph_batch& batch) {
    for (uint32_t i = 0; i < batch.count; ++i) {
      const mph_packet& packet = *batch.packets[i];
      const Item item{
          .type = ItemType::Packet,
          .router = batch.router,
          .packet =
              {
                  .receivedAtNs = packet.received_at_ns,
                  .producer = packet.producer,
                  .ssrc = packet.ssrc,
                  .timestamp = packet.timestamp,
                  .fullLength = packet.full_length,
                  .sequenceNumber = packet.sequence_number,
                  .headerLength = packet.rtp_header_length,
                  .paddingLength = packet.rtp_padding_length,
                  .payloadType = packet.payload_type,
                  .codec = packet.codec,
                  .isRedelivered = (packet.record_flags & MPH_RECORD_REDELIVERED) != 0,
              },
      };

      if (packet.copied_length < packet.rtp_header_length) {
        ++withoutBytes_;
      } else if (!queue_.Push(item, mph_packet_bytes(&packet), packet.copied_length, EventReserve)) {
        ++overflowed_;
      }
    }
  }

  void OnEvent(const mph_event& event) {
    switch (event.type) {
      case MPH_EVENT_ROUTER_OPENED: return Push(ItemType::RouterOpened, event, event.router_id);
      case MPH_EVENT_PRODUCER_CREATED: return Push(ItemType::ProducerCreated, event, event.producer_id);
      case MPH_EVENT_PRODUCER_CLOSED: return Push(ItemType::ProducerClosed, event, "");
      case MPH_EVENT_ATTACHMENT_ADDED: attachments_[event.router].insert(event.attachment); return;
      case MPH_EVENT_ATTACHMENT_REMOVED:
        attachments_[event.router].erase(event.attachment);
        // Whoever detaches the recorder wants the files.
        return attachments_[event.router].empty() ? Push(ItemType::AllDetached, event, "") : void();
      case MPH_EVENT_ROUTER_CLOSED: attachments_.erase(event.router); return Push(ItemType::RouterClosed, event, "");
      default: return;
    }
  }

  void OnTick() {
    Count("overflowed", overflowed_);
    Count("withoutBytes", withoutBytes_);
    Count("lostEvents", lostEvents_);
  }

 private:
  struct Totals {
    uint64_t recorded{0};
    uint64_t hadAlready{0};
    uint64_t notInOgg{0};
    uint64_t failed{0};
  };

  void Push(ItemType type, const mph_event& event, std::string_view id) {
    if (!queue_.Push(Item{.type = type, .router = event.router, .packet = {.producer = event.producer}}, id.data(), id.size())) {
      ++lostEvents_;
    }
  }

  void Count(const char* name, uint64_t& sum) {
    if (sum > 0) {
      host_->count(instance_, name, std::exchange(sum, 0));
    }
  }

  // [own thread] until the queue is closed.
  void Run() {
    while (const auto item = queue_.Pop([this] { OnIdle(); })) {
      Guard([&] { Handle(item->header, item->bytes); });
    }
    for (auto& [router, recording] : recordings_) {
      Guard([&] { recording.Finish(); });
    }
    OnIdle();
  }

  void Handle(const Item& item, std::span<const uint8_t> bytes) {
    const auto id = [&] { return std::string(bytes.begin(), bytes.end()); };
    const auto recording = recordings_.find(item.router);

    // A host that was taken off and put on again hears once more of what it knows.
    if (item.type == ItemType::RouterOpened) {
      recordings_.try_emplace(item.router, directory_, id());
    } else if (item.type == ItemType::ProducerCreated) {
      producerIds_.insert_or_assign(item.packet.producer, id());
    } else if (recording == recordings_.end()) {
      ++totals_.failed;
    } else if (item.type == ItemType::Packet) {
      Record(recording->second, item.packet, bytes);
    } else if (item.type == ItemType::ProducerClosed) {
      producerIds_.erase(item.packet.producer);
      recording->second.EndProducer(item.packet.producer);
    } else {
      recording->second.Finish();
      if (item.type == ItemType::RouterClosed) {
        recordings_.erase(recording);
      }
    }
  }

  void Record(RouterRecording& recording, const PacketFacts& packet, std::span<const uint8_t> bytes) {
    const auto [producer, isNew] = producerIds_.try_emplace(packet.producer);

    if (isNew) {
      producer->second = "producer-" + std::to_string(packet.producer);
    }
    switch (recording.Record(packet, producer->second, bytes)) {
      case RecordResult::HadAlready: ++totals_.hadAlready; return;
      case RecordResult::NotInOgg: ++totals_.notInOgg; [[fallthrough]];
      case RecordResult::Recorded: ++totals_.recorded; return;
    }
  }

  // A full disk must not end the host, and with it what else is recorded.
  template <typename Body>
  void Guard(Body body) {
    try {
      body();
    } catch (const std::system_error& error) {
      ++totals_.failed;
      host_->log(instance_, MPH_LOG_ERROR, error.what());
    }
  }

  // What is read can be seen in the files, as soon as there is time.
  void OnIdle() {
    for (auto& [router, recording] : recordings_) {
      Guard([&] { recording.Flush(); });
    }
    Count("recorded", totals_.recorded);
    Count("hadAlready", totals_.hadAlready);
    Count("notInOgg", totals_.notInOgg);
    Count("failed", totals_.failed);
  }

  const mph_host* const host_;
  mph_instance* const instance_;
  const std::filesystem::path directory_;
  // [host's thread]
  std::unordered_map<uint32_t, std::set<uint32_t>> attachments_;
  uint64_t overflowed_{0};
  uint64_t withoutBytes_{0};
  uint64_t lostEvents_{0};
  // [own thread]
  std::unordered_map<uint32_t, RouterRecording> recordings_;
  std::unordered_map<uint32_t, std::string> producerIds_;
  Totals totals_;
  // Both. The thread is the last to be made: it uses all of them.
  PacketQueue<Item> queue_;
  std::thread thread_;
};

Config ReadConfig(std::string_view text) {
  const auto config = nlohmann::json::parse(text);

  if (!config.is_object()) {
    throw std::invalid_argument("config must be an object like {\"directory\": \"/var/recordings\"}, not " + config.dump());
  }
  for (const auto& [field, value] : config.items()) {
    if (field != "directory" && field != "queueBytes") {
      throw std::invalid_argument("config." + field + " is unknown; known are directory and queueBytes");
    }
  }

  const auto directory = config.value("directory", nlohmann::json());
  const auto queueBytes = config.value("queueBytes", nlohmann::json(size_t{16} * 1024 * 1024));

  if (!directory.is_string()) {
    throw std::invalid_argument("config.directory must be a path, not " + directory.dump());
  }
  if (!queueBytes.is_number_unsigned() || queueBytes < 2 * EventReserve || queueBytes > 1 << 30) {
    throw std::invalid_argument("config.queueBytes must be a number from 131072 to 1073741824, not " + queueBytes.dump());
  }

  const Config result{directory.get<std::string>(), queueBytes.get<size_t>()};

  if (!std::filesystem::is_directory(result.directory) || access(result.directory.c_str(), W_OK | X_OK) != 0) {
    throw std::invalid_argument("config.directory: " + result.directory.string() + " is no directory that can be written to");
  }

  return result;
}

Recorder& Self(void* self) { return *static_cast<Recorder*>(self); }

int Create(const mph_host* host, mph_instance* instance, const mph_instance_info* info, void** self, char*, size_t) {
  *self = new Recorder(host, instance, ReadConfig({info->config, info->config_length}));

  return 0;
}

const mph_plugin Plugin{
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "recorder",
    .version = "1.0.0",
    .create = Create,
    .destroy = [](void* self) { delete &Self(self); },
    .on_packets = [](void* self, const mph_batch* batch) { Self(self).OnPackets(*batch); },
    .on_event = [](void* self, const mph_event* event) { Self(self).OnEvent(*event); },
    .on_tick = [](void* self, uint64_t) { Self(self).OnTick(); },
    .tick_interval_ms = 100,
};

}  // namespace
}  // namespace recorder

const mph_plugin* mph_plugin_entry(void) { return &recorder::Plugin; }
