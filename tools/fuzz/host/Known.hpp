// What a lane has heard from the worker: numbers that mean something there, so that its records reach as deep as a sound host's.
#pragma once

#include "Random.hpp"

#include "mph/fbs/control.h"
#include "mph/fbs/layout.h"

#include <cstdint>
#include <vector>

namespace mph::fuzz {

class Known {
 public:
  void OnPacket(const Mph::Layout::PacketRecord& record, uint64_t position) {
    OnTicket(record.ticket());
    position_ = position;
    Keep(producers, record.producer());
    Keep(attachments, record.attachment());
    Keep(ssrcs, record.ssrc());
    Keep(payloadTypes, record.payloadType());
  }

  void OnData(const Mph::Layout::DataRecord& record, uint64_t position) {
    OnTicket(record.ticket());
    position_ = position;
    Keep(dataProducers, record.dataProducer());
    Keep(attachments, record.attachment());
  }

  void OnEvent(const Mph::Control::Event& event) {
    const bool isData =
        event.type() >= Mph::Control::EventType::DataProducerCreated && event.type() <= Mph::Control::EventType::DataConsumerResumed;

    Keep(isData ? dataProducers : producers, event.producer());
    Keep(consumers, event.consumer());
    Keep(attachments, event.attachment());
    if (event.ssrcs() != nullptr) {
      for (const auto ssrc : *event.ssrcs()) {
        Keep(ssrcs, ssrc);
      }
    }
  }

  // One that waits for its verdict, each once. False when there is none.
  bool TakeTicket(uint64_t& ticket) {
    if (open_.empty()) {
      return false;
    }
    ticket = open_.back();
    open_.pop_back();
    return true;
  }

  uint64_t LastTicket() const { return lastTicket_; }
  uint64_t Position() const { return position_; }

  std::vector<uint32_t> producers;
  std::vector<uint32_t> dataProducers;
  // Data consumers share their numbers.
  std::vector<uint32_t> consumers;
  std::vector<uint32_t> attachments;
  std::vector<uint32_t> ssrcs;
  std::vector<uint8_t> payloadTypes;

 private:
  static constexpr size_t MaxKept = 64;
  static constexpr size_t MaxOpen = 4096;

  template <typename T>
  static void Keep(std::vector<T>& values, T value) {
    if (value == 0) {
      return;
    }
    for (const auto known : values) {
      if (known == value) {
        return;
      }
    }
    if (values.size() == MaxKept) {
      values.erase(values.begin());
    }
    values.push_back(value);
  }

  void OnTicket(uint64_t ticket) {
    if (ticket != 0) {
      lastTicket_ = ticket;
      if (open_.size() < MaxOpen) {
        open_.push_back(ticket);
      }
    }
  }

  std::vector<uint64_t> open_;
  uint64_t lastTicket_{0};
  uint64_t position_{0};
};

}  // namespace mph::fuzz
