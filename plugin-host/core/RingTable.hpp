// The rings of one connection, and which of them have something to read: cost follows traffic and not the number of routers.
#pragma once

#include "ServedRing.hpp"

#include <cstdint>
#include <memory>
#include <mph/shm/Link.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mph::host {

// [instance thread]
class RingTable {
 public:
  RingTable(shm::LinkReader worker, shm::LinkWriter own, int workerDoorbell, ServingStats& stats)
      : worker_(worker), watch_(worker), own_(own), workerDoorbell_(workerDoorbell), stats_(stats) {}

  void Add(std::unique_ptr<ServedRing> ring);

  // The ring is closed by whoever takes it. nullptr: there is none with that number.
  std::unique_ptr<ServedRing> Remove(uint32_t number);

  // nullptr: there is none with that number.
  ServedRing* Find(uint32_t number) const { return Has(number) ? slots_[number].ring.get() : nullptr; }

  bool Has(uint32_t number) const { return number < slots_.size() && slots_[number].ring != nullptr; }

  // nullptr: closed, or never there.
  ServedRing* FindRouter(uint32_t router) const;

  // The ring is looked at in the next turn, whether its worker says so or not: something may have been published in it before.
  void MarkReady(uint32_t number);

  template <typename Do>
  void ForEach(Do&& body) const {
    for (const auto& slot : slots_) {
      if (slot.ring != nullptr) {
        body(*slot.ring);
      }
    }
  }

  // Idle: nothing was published, the thread may sleep after another look. Stalled: all rings with something to read wait for room.
  using ServeResult = ServedRing::ServeResult;

  // One batch of every ring that has one.
  [[nodiscard]] ServeResult Serve();

  // The look before going to sleep.
  bool HasPublications() const { return watch_.HasChanged(); }

  // Shows the worker what a ring has written, and wakes it if it sleeps.
  void Announce(ServedRing& ring);

  // How long it took to wake the worker since the last call: many times what a light plugin takes, if it sleeps on another CPU.
  uint64_t TakeRingingNs() { return std::exchange(ringingNs_, 0); }

  // All rings that are there, to be closed.
  std::vector<std::unique_ptr<ServedRing>> TakeAll();

 private:
  struct Slot {
    std::unique_ptr<ServedRing> ring;
    bool isReady{false};
  };

  void MarkChanged();

  shm::LinkReader worker_;
  shm::PublicationWatch watch_;
  shm::LinkWriter own_;
  const int workerDoorbell_;
  ServingStats& stats_;

  std::vector<Slot> slots_;
  // Numbers of the slots that are ready; as long as there are slots, so that it never grows while packets flow.
  std::vector<uint32_t> ready_;
  std::unordered_map<uint32_t, ServedRing*> byRouter_;
  uint64_t ringingNs_{0};
};

}  // namespace mph::host
