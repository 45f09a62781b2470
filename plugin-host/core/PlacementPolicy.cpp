#include "PlacementPolicy.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace mph::host {

namespace {

// Apart, so that a plugin between them stays where it is.
constexpr double HeavyUsPerPacket = 25;
constexpr double LightUsPerPacket = 10;
constexpr double HeavyShare = 0.25;
constexpr double LightShare = 0.10;
// Few packets find cold caches. Who takes as little of a CPU as that is in nobody's way, whatever a packet costs.
constexpr double NoticedShare = 0.005;
constexpr double NegligibleShare = NoticedShare / 2;
constexpr uint32_t LongTurnNs = 2'000'000;
constexpr uint32_t ShortTurnNs = 500'000;

// What a batch costs a thread that has to be woken for it; a spinning one cannot see that by itself.
constexpr uint64_t WakeNs = 3'000;
// A look with fewer says nothing about a plugin that has not been seen before.
constexpr uint64_t PacketsToJudge = 32;
constexpr uint32_t LightLooks = 10;
constexpr uint32_t MaxLightLooks = 1'280;
// Who stays on the worker's CPU for as long has proved itself.
constexpr uint64_t LongStayNs = 10'000'000'000;

template <typename... Values>
std::string Format(const char* format, Values... values) {
  std::array<char, 200> text{};

  std::snprintf(text.data(), text.size(), format, values...);

  return text.data();
}

double UsPerPacket(uint64_t ns, uint64_t packets) { return static_cast<double>(ns) / 1000 / static_cast<double>(packets); }

double Share(uint64_t ns, uint64_t elapsedNs) { return static_cast<double>(ns) / static_cast<double>(std::max<uint64_t>(elapsedNs, 1)); }

}  // namespace

PlacementPolicy::PlacementPolicy(PlacementSetting setting)
    : setting_(setting),
      wanted_(setting == PlacementSetting::Shared ? Place::Shared : Place::Isolated),
      reason_(setting == PlacementSetting::Auto ? "nothing is known of the plugin yet" : "set by the app") {}

bool PlacementPolicy::OnLook(const Look& look) {
  if (setting_ != PlacementSetting::Auto || look.packets == 0) {
    return false;
  }

  return wanted_ == Place::Shared ? LookWhenShared(look) : LookWhenIsolated(look);
}

bool PlacementPolicy::OnLongBatch(uint64_t ns) {
  if (setting_ != PlacementSetting::Auto || wanted_ != Place::Shared || ns < LongBatchNs) {
    return false;
  }

  return Leave(Format("a batch took %.1f ms, which the worker had to wait for", static_cast<double>(ns) / 1e6));
}

bool PlacementPolicy::LookWhenShared(const Look& look) {
  // By the wall it may include the worker's own turns, by the thread's CPU time it includes waking up: whichever is less is nearer.
  const auto usPerPacket = UsPerPacket(std::min(look.busyNs, look.threadNs), look.packets);
  const auto share = Share(look.threadNs, look.elapsedNs);

  sharedForNs_ += look.elapsedNs;
  if (sharedForNs_ >= LongStayNs) {
    lightLooksNeeded_ = LightLooks;
  }
  if (usPerPacket > HeavyUsPerPacket && share > NoticedShare) {
    return Leave(Format("the plugin takes %.0f us per packet, more than %.0f", usPerPacket, HeavyUsPerPacket));
  }
  if (share > HeavyShare) {
    return Leave(Format("the thread takes %.0f %% of a CPU, more than %.0f", share * 100, HeavyShare * 100));
  }
  if (look.workerTurnNs > LongTurnNs) {
    return Leave(Format("the worker's turns take %.1f ms, more than %.1f", look.workerTurnNs / 1e6, LongTurnNs / 1e6));
  }

  return false;
}

bool PlacementPolicy::LookWhenIsolated(const Look& look) {
  const auto usPerPacket = UsPerPacket(look.busyNs, look.packets);
  const auto share = Share(look.busyNs + look.batches * WakeNs, look.elapsedNs);
  const bool isLight =
      (usPerPacket < LightUsPerPacket || share < NegligibleShare) && share < LightShare && look.workerTurnNs < ShortTurnNs;

  if (!isLight) {
    lightLooks_ = 0;

    return false;
  }
  ++lightLooks_;
  // The first stay needs no more than enough packets to judge by.
  if (lightLooksNeeded_ == 0 ? look.packets < PacketsToJudge && lightLooks_ < LightLooks : lightLooks_ < lightLooksNeeded_) {
    return false;
  }

  wanted_ = Place::Shared;
  reason_ = Format("the plugin takes %.1f us per packet and the thread %.0f %% of a CPU", usPerPacket, share * 100);
  sharedForNs_ = 0;

  return true;
}

bool PlacementPolicy::Leave(std::string reason) {
  lightLooksNeeded_ = lightLooksNeeded_ == 0 ? LightLooks : std::min(lightLooksNeeded_ * 2, MaxLightLooks);
  lightLooks_ = 0;
  wanted_ = Place::Isolated;
  reason_ = std::move(reason);

  return true;
}

}  // namespace mph::host
