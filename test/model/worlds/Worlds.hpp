// What is explored, and what is taken away to see it fail.
#pragma once

#include <span>
#include <string_view>

#include "../explorer/Explorer.hpp"

namespace mph::model {

// What a world leaves out or does in another order, where that is no matter of an order or fence.
enum class Fault : uint8_t {
  None,
  PublishBeforeWriting,
  ReleaseBeforeReading,
  NoSecondLook,
  ResetAfterArming,
  RingEachTime,
  CursorBeforeVerdicts,
  IgnoreEpoch,
  KeepTickets,
};

struct Configuration {
  const char* name;
  const char* what;
  std::unique_ptr<World> (*make)(Fault fault);
  // Left out unless it is asked for.
  bool isLong{false};
};

struct Control {
  const char* name;
  // What it takes away.
  const char* lacks;
  const char* configuration;
  Weakness weakness;
  Fault fault{Fault::None};
  // Needs a build of its own, model-NAME: the safeguard is one of the worker's.
  bool isOwnBuild{false};
};

std::unique_ptr<World> MakeRing(Fault fault);
std::unique_ptr<World> MakeSmallRing(Fault fault);
std::unique_ptr<World> MakeWaking(Fault fault);
std::unique_ptr<World> MakeBothAsleep(Fault fault);
std::unique_ptr<World> MakeRecentRings(Fault fault);
std::unique_ptr<World> MakeDeath(Fault fault);
std::unique_ptr<World> MakeHang(Fault fault);
std::unique_ptr<World> MakeStop(Fault fault);
std::unique_ptr<World> MakeLongStop(Fault fault);
std::unique_ptr<World> MakeLongRing(Fault fault);

std::span<const Configuration> Configurations();
std::span<const Control> Controls();

}  // namespace mph::model
