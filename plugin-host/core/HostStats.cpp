// What the app reads in plugin.getStats(), as it asks for it. All of it: [main].

#include "Host.hpp"
#include "Messages.hpp"

namespace mph::host {

using Mph::Control::Placement;

void Host::SendStats(uint32_t request) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<Mph::Control::InstanceStats>> instances;

  for (const auto& worker : workers_) {
    for (const auto& report : worker.dispatcher->Reports()) {
      instances.push_back(MakeStats(builder, worker, *report));
    }
  }
  app_.Post(MakeFrame(builder, request, Mph::Control::CreateHostStats(builder, builder.CreateVector(instances))));
}

flatbuffers::Offset<Mph::Control::InstanceStats> Host::MakeStats(flatbuffers::FlatBufferBuilder& builder, const Worker& worker,
                                                                 const InstanceReport& report) {
  const auto& stats = worker.dispatcher->Stats();
  const auto& tallies = report.tallies;
  const auto placed = worker.dispatcher->Placed().Read();
  auto values = report.counters.Read();

  // Names of the host's own: a plugin's have no dot by custom.
  values.emplace_back("host.skipped", stats.skipped.Read());
  values.emplace_back("host.errors", tallies.errors.Read());
  values.emplace_back("host.invalidVerdicts", tallies.invalidVerdicts.Read());
  values.emplace_back("host.lateForNobody", tallies.lateForNobody.Read());
  values.emplace_back("host.verdictRingFull", stats.verdictRingFull.Read());

  std::vector<flatbuffers::Offset<Mph::Control::Counter>> counters;

  for (const auto& [name, value] : values) {
    counters.push_back(Mph::Control::CreateCounter(builder, builder.CreateString(name), value));
  }

  const auto countersOffset = builder.CreateVector(counters);
  const auto reason = builder.CreateString(placed.reason);
  const auto pluginId = builder.CreateString(report.pluginId);
  Mph::Control::InstanceStatsBuilder table(builder);

  table.add_workerPid(worker.pid);
  table.add_shard(worker.dispatcher->Shard());
  table.add_packets(tallies.packets.Read());
  table.add_messages(tallies.messages.Read());
  // Relaxed, all: nothing is read on their account.
  table.add_injections(report.injections.load(std::memory_order_relaxed));
  table.add_requests(report.requests.load(std::memory_order_relaxed));
  table.add_posts(report.posts.load(std::memory_order_relaxed));
  table.add_batches(tallies.batches.Read());
  table.add_verdicts(tallies.verdicts.Read());
  table.add_events(tallies.events.Read());
  table.add_doorbellsRung(stats.doorbellsRung.Read());
  table.add_counters(countersOffset);
  table.add_placement(!placed.isPlaced                ? Placement::None
                      : placed.place == Place::Shared ? Placement::Shared
                                                      : Placement::Isolated);
  table.add_placementReason(reason);
  table.add_placementMoves(placed.moves);
  table.add_cpu(placed.cpu);
  table.add_sleeps(stats.sleeps.Read());
  table.add_spins(stats.spins.Read());
  table.add_pluginId(pluginId);

  return table.Finish();
}

}  // namespace mph::host
