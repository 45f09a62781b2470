// A plugin of examples/ with a host made of nothing: the test calls its callbacks and sees what it asks of the host.
#pragma once

#include "mph_plugin.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

struct InjectedRtp {
  mph_rtp rtp;
  std::vector<uint8_t> payload;
};

struct InjectedData {
  mph_data_out data;
  std::string message;
  std::vector<uint32_t> consumers;
};

struct Posted {
  std::string name;
  std::string body;
};

struct Replied {
  uint64_t request;
  bool failed;
  std::string body;
};

class ExampleUnderTest {
 public:
  // Throws std::runtime_error with what create() says, or throws itself.
  explicit ExampleUnderTest(const char* name, const std::string& config = "{}") {
    const std::string file = std::string(MPH_EXAMPLES) + "/" + name + "/" + name + ".so";
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);

    if (library == nullptr) {
      throw std::runtime_error(dlerror());
    }
    plugin_ = reinterpret_cast<mph_plugin_entry_fn>(dlsym(library, "mph_plugin_entry"))();

    const mph_instance_info info{.size = sizeof(mph_instance_info), .config = config.c_str(), .config_length = config.size()};
    char error[256] = "";

    if (plugin_->create(&Host, reinterpret_cast<mph_instance*>(this), &info, &self_, error, sizeof error) != 0) {
      throw std::runtime_error(error);
    }
  }

  ~ExampleUnderTest() { Destroy(); }

  ExampleUnderTest(const ExampleUnderTest&) = delete;
  ExampleUnderTest& operator=(const ExampleUnderTest&) = delete;

  void Destroy() {
    if (!isDestroyed_) {
      isDestroyed_ = true;
      plugin_->destroy(self_);
    }
  }

  const mph_plugin& Plugin() const { return *plugin_; }

  void Event(mph_event event) {
    event.size = sizeof event;
    plugin_->on_event(self_, &event);
  }

  void RouterOpened(const char* id) { Event({.type = MPH_EVENT_ROUTER_OPENED, .router = Router, .router_id = id}); }
  void ProducerCreated(uint32_t producer, const char* id, mph_media_kind kind) {
    Event({.type = MPH_EVENT_PRODUCER_CREATED, .router = Router, .producer = producer, .producer_id = id, .kind = static_cast<uint8_t>(kind)});
  }
  void ProducerClosed(uint32_t producer) { Event({.type = MPH_EVENT_PRODUCER_CLOSED, .router = Router, .producer = producer}); }

  // `facts` without lengths. What the plugin decided.
  uint8_t Packet(mph_packet facts, const std::vector<uint8_t>& payload, uint64_t cause = 0, uint8_t padding = 0) {
    constexpr uint16_t headerLength = 12;
    std::vector<uint64_t> record((sizeof facts + headerLength + payload.size() + padding + 7) / 8);
    auto* const bytes = reinterpret_cast<uint8_t*>(record.data());
    uint8_t* const rtp = bytes + sizeof facts;
    const auto big = [&](size_t at, uint64_t value, size_t length) {
      for (size_t i = 0; i < length; ++i) {
        rtp[at + i] = static_cast<uint8_t>(value >> 8 * (length - 1 - i));
      }
    };

    facts.bytes_offset = sizeof facts;
    facts.rtp_header_length = headerLength;
    facts.rtp_padding_length = padding;
    facts.full_length = static_cast<uint32_t>(headerLength + payload.size() + padding);
    facts.copied_length = copiesPayload ? facts.full_length : headerLength;
    std::memcpy(bytes, &facts, sizeof facts);
    rtp[0] = padding > 0 ? 0xA0 : 0x80;
    rtp[1] = static_cast<uint8_t>(facts.payload_type | (facts.flags & MPH_PACKET_MARKER ? 0x80 : 0));
    big(2, facts.sequence_number, 2);
    big(4, facts.timestamp, 4);
    big(8, facts.ssrc, 4);
    if (!payload.empty()) {
      std::memcpy(rtp + headerLength, payload.data(), payload.size());
    }
    if (padding > 0) {
      rtp[facts.full_length - 1] = padding;
    }

    const mph_packet* const packet = reinterpret_cast<const mph_packet*>(bytes);
    uint8_t verdict = MPH_ACCEPT;
    const uint32_t attachment = 1;
    const mph_batch batch{sizeof(mph_batch), Router, 1, 0, &packet, &verdict, &attachment, &cause};

    plugin_->on_packets(self_, &batch);

    return verdict;
  }

  uint8_t Message(uint32_t dataProducer, const std::string& text, uint32_t ppid = MPH_PPID_STRING, uint64_t cause = 0) {
    std::vector<uint64_t> record((sizeof(mph_data) + text.size() + 7) / 8);
    const auto length = static_cast<uint32_t>(text.size());
    const mph_data facts{
        .bytes_offset = sizeof(mph_data),
        .data_producer = dataProducer,
        .ppid = ppid,
        .full_length = length,
        .copied_length = length,
        .required_subchannel = -1,
        .ignored_subchannel = -1,
    };

    std::memcpy(record.data(), &facts, sizeof facts);
    std::memcpy(reinterpret_cast<uint8_t*>(record.data()) + sizeof facts, text.data(), text.size());

    const mph_data* const message = reinterpret_cast<const mph_data*>(record.data());
    uint8_t verdict = MPH_ACCEPT;
    const uint32_t attachment = 1;
    const mph_data_batch batch{sizeof(mph_data_batch), Router, 1, 0, &message, &verdict, &attachment, &cause};

    plugin_->on_data(self_, &batch);

    return verdict;
  }

  void Request(uint64_t request, const char* method, const std::string& body) {
    const mph_message message{.size = sizeof(mph_message), .request = request, .method = method, .body = body.data(), .length = body.size()};

    plugin_->on_message(self_, &message);
  }

  void Tick(uint64_t nowNs = 0) { plugin_->on_tick(self_, nowNs); }

  // What the host says to the next injections.
  void Answer(mph_result result) {
    const std::lock_guard lock(mutex_);

    result_ = result;
  }

  // Waits until the plugin's threads have brought it about; false: they have not in two minutes.
  bool Until(const std::function<bool(const ExampleUnderTest&)>& condition) {
    std::unique_lock lock(mutex_);

    return changed_.wait_for(lock, std::chrono::seconds(120), [&] { return condition(*this); });
  }
  bool UntilCounted(const char* name, uint64_t value) {
    return Until([&](const ExampleUnderTest& example) { return example.counters_.contains(name) && example.counters_.at(name) >= value; });
  }
  uint64_t Counted(const char* name) {
    const std::lock_guard lock(mutex_);

    return counters_[name];
  }

  static constexpr uint32_t Router = 3;

  bool copiesPayload{true};
  // Read them in Until(), or when the plugin has no threads.
  std::vector<InjectedRtp> rtp;
  std::vector<InjectedData> data;
  std::vector<Posted> posts;
  std::vector<Replied> replies;
  std::vector<std::string> logs;

 private:
  template <typename Body>
  static mph_result With(mph_instance* instance, Body body) {
    auto& example = *reinterpret_cast<ExampleUnderTest*>(instance);
    const std::lock_guard lock(example.mutex_);

    body(example);
    example.changed_.notify_all();

    return example.result_;
  }

  static const mph_host Host;

  const mph_plugin* plugin_{nullptr};
  void* self_{nullptr};
  bool isDestroyed_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  mph_result result_{MPH_OK};
  std::map<std::string, uint64_t> counters_;
};

inline const mph_host ExampleUnderTest::Host{
    .size = sizeof(mph_host),
    .abi_version = MPH_ABI_VERSION,
    .log =
        [](mph_instance* instance, mph_log_level, const char* message) {
          With(instance, [&](ExampleUnderTest& example) { example.logs.emplace_back(message); });
        },
    .count =
        [](mph_instance* instance, const char* name, uint64_t add) {
          With(instance, [&](ExampleUnderTest& example) { example.counters_[name] += add; });
        },
    .inject_rtp =
        [](mph_instance* instance, const mph_rtp* rtp, uint64_t*) {
          return With(instance, [&](ExampleUnderTest& example) {
            const auto* const payload = static_cast<const uint8_t*>(rtp->payload);

            example.rtp.push_back({*rtp, {payload, payload + rtp->payload_length}});
          });
        },
    .inject_data =
        [](mph_instance* instance, const mph_data_out* data, uint64_t*) {
          return With(instance, [&](ExampleUnderTest& example) {
            example.data.push_back({*data,
                                    {static_cast<const char*>(data->message), data->message_length},
                                    {data->consumers, data->consumers + data->consumer_count}});
          });
        },
    .post =
        [](mph_instance* instance, const char* name, const void* body, size_t length, int) {
          return With(instance, [&](ExampleUnderTest& example) { example.posts.push_back({name, {static_cast<const char*>(body), length}}); });
        },
    .reply =
        [](mph_instance* instance, uint64_t request, int failed, const void* body, size_t length, int) {
          return With(instance, [&](ExampleUnderTest& example) {
            example.replies.push_back({request, failed != 0, {static_cast<const char*>(body), length}});
          });
        },
};
