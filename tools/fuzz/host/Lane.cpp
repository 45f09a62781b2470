#include "Lane.hpp"

#include "Clock.hpp"
#include "Racer.hpp"

#include <poll.h>
#include <algorithm>
#include <array>
#include <exception>
#include <optional>

namespace mph::fuzz {

namespace {

constexpr std::array Plans{
    Plan{.name = "flood", .weight = 30, .maxRecords = 60'000},
    Plan{.name = "strikes", .weight = 10, .unsoundPerMillion = 200'000},
    Plan{.name = "corrupt", .weight = 10, .maxRecords = 2'000, .corrupts = true},
    Plan{.name = "race for bodies", .weight = 12, .prey = Bodies | NowServing},
    Plan{.name = "race for headers", .weight = 6, .prey = Bodies | Headers},
    Plan{.name = "race for cursors", .weight = 6, .prey = VerdictCursor | PacketCursor | NowServing},
    Plan{.name = "race for all", .weight = 4, .prey = ~0U, .scribblesLink = true},
    Plan{.name = "race for the link", .weight = 6, .prey = Link, .scribblesLink = true},
    Plan{.name = "bells", .weight = 4, .maxRecords = 10'000, .sleepless = true},
    Plan{.name = "cursors", .weight = 6, .scribblesCursor = true},
    Plan{.name = "talk", .weight = 8, .maxRecords = 5'000, .talks = true},
    Plan{.name = "vanish", .weight = 6, .maxRecords = 1'000, .vanishes = true},
    Plan{.name = "vanish with strikes", .weight = 2, .unsoundPerMillion = 1'000'000, .maxRecords = 10, .vanishes = true},
    Plan{.name = "hang", .weight = 1, .maxRecords = 1'000, .hangs = true},
};

constexpr uint32_t MaxBatch = 512;
constexpr uint32_t MaxRead = 256;
constexpr uint64_t NsPerMs = 1'000'000;
constexpr uint64_t StartMs = 5'000;
constexpr uint64_t HangMs = 600;
constexpr uint32_t CrowdSize = 300;

const Plan& PlanOf(Random& random) {
  uint32_t sum = 0;

  for (const auto& plan : Plans) {
    sum += plan.weight;
  }

  uint32_t at = random.Below(sum);

  for (const auto& plan : Plans) {
    if (at < plan.weight) {
      return plan;
    }
    at -= plan.weight;
  }
  return Plans.front();
}

void SleepMicros(long micros) {
  const timespec time{0, micros * 1000};

  nanosleep(&time, nullptr);
}

}  // namespace

const Plan* FindPlan(const std::string& name) {
  const auto* plan = std::ranges::find_if(Plans, [&name](const Plan& candidate) { return name == candidate.name; });

  return plan == Plans.end() ? nullptr : plan;
}

bool Lane::Run() {
  while (!orders_.IsOver()) {
    // Of the session's number alone, so that one can be played again.
    Random random(Random::Mix(seed_) + tally_.sessions);

    for (uint32_t i = random.OneIn(3) ? random.Below(16) : 0; i > 0; i--) {
      if (!Knock(random, "")) {
        return false;
      }
    }
    if (random.OneIn(200)) {
      Crowd(random);
    }

    const auto token = orders_.TakeToken();

    if (token.empty()) {
      break;
    }
    // Some tokens are wasted on a Hello with something wrong with it.
    if (random.OneIn(20)) {
      if (!Knock(random, token)) {
        return false;
      }
    } else {
      Play(random, token);
    }
    tally_.sessions++;
    orders_.Report(tally_);
  }
  return true;
}

void Lane::Play(Random& random, const std::string& token) {
  const auto* named = FindPlan(planName_);
  const auto& plan = named != nullptr ? *named : PlanOf(random);
  Known known;

  journal_.Note(plan.name, tally_.sessions);
  tally_.connections++;

  auto fd = ConnectTo(socketPath_);

  if (!fd) {
    return;
  }
  try {
    Connection connection(std::move(fd));

    if (connection.Open(token) && AwaitStart(random, connection, known)) {
      PlayOut(random, connection, known, plan);
      Count(connection);
    }
  } catch (const std::exception& error) {
    // What the worker says to one that behaves like this need not make sense to it.
    journal_.Note(error.what());
  }
}

bool Lane::AwaitStart(Random& random, Connection& connection, Known& known) {
  const auto untilNs = host::MonotonicNs() + StartMs * NsPerMs;
  const bool isRestless = random.OneIn(8);

  connection.SetObedient(!random.OneIn(4));
  while (!connection.IsStarted()) {
    if (!connection.Await(known, 5) || orders_.IsOver() || host::MonotonicNs() > untilNs) {
      return false;
    }
    // One that does not serve has no say, whatever it writes.
    if (isRestless && !connection.Rings().empty()) {
      auto& ring = *connection.Rings()[random.Below(static_cast<uint32_t>(connection.Rings().size()))];

      ring.NowServing()->store(random.Edge(), std::memory_order_relaxed);
      ring.PacketCursor()->store(random.Edge(), std::memory_order_relaxed);
      ScribbleLink(random, connection);
      connection.RingWorker();
      if (random.OneIn(100)) {
        connection.Send(AnyHostFrame(random));
      }
    }
  }
  return true;
}

void Lane::PlayOut(Random& random, Connection& connection, Known& known, const Plan& plan) {
  Records records(random, known);
  std::optional<Racer> racer;
  uint64_t written = 0;
  const uint64_t most = 1 + random.Below(plan.maxRecords);
  auto untilNs = host::MonotonicNs() + StartMs * NsPerMs;

  while (written < most && !orders_.IsOver()) {
    if (!connection.Serve(known)) {
      return;
    }
    if (connection.Rings().empty() || host::MonotonicNs() > untilNs) {
      return;
    }

    auto& ring = *connection.Rings()[random.Below(static_cast<uint32_t>(connection.Rings().size()))];

    if (!ring.IsStarted()) {
      // Stopped: somebody else serves for a while.
      if (!connection.Await(known, 1)) {
        return;
      }
      continue;
    }
    if (plan.prey != 0 && !racer) {
      racer.emplace(connection, ring, plan.prey, random.Next());
    }
    if (PlayBatch(random, connection, records, known, ring, plan, written)) {
      untilNs = host::MonotonicNs() + StartMs * NsPerMs;
    } else {
      SleepMicros(50);
    }
    Count(connection);
    orders_.Report(tally_);
  }
  racer.reset();
  if (connection.Rings().empty()) {
    return;
  }

  auto& ring = *connection.Rings()[random.Below(static_cast<uint32_t>(connection.Rings().size()))];

  if (plan.corrupts) {
    Corrupt(random, connection, records, ring);
  } else if (plan.vanishes) {
    Fill(random, connection, records, ring);
    return;
  } else if (plan.hangs) {
    Hang(random, connection, known, ring);
    return;
  }
  // Most read to the end, some leave at once.
  for (int i = 0; i < 100 && !random.OneIn(50) && connection.Await(known, 1); i++) {
    Count(connection);
    if (plan.corrupts) {
      connection.Announce(ring);
    } else if (ring.Consumed() == ring.Position()) {
      break;
    }
  }
}

// False when there was no room for any.
bool Lane::PlayBatch(Random& random, Connection& connection, Records& records, Known& known, Ring& ring, const Plan& plan,
                     uint64_t& written) {
  ring.Read(known, MaxRead);
  // Verdicts first, the cursor after them; not here.
  if (!plan.scribblesCursor && (plan.prey & PacketCursor) == 0) {
    ring.PacketCursor()->store(ring.ReadPosition(), std::memory_order_release);
  }
  if ((plan.prey & NowServing) == 0) {
    ring.NowServing()->store(0, std::memory_order_release);
  }
  Mischief(random, connection, ring, plan);

  const auto before = written;

  for (uint32_t count = 1 + random.Below(random.OneIn(4) ? 8 : MaxBatch); count > 0; count--) {
    if (!Append(ring, random.PerMillion(plan.unsoundPerMillion) ? records.Unsound() : records.Sound())) {
      break;
    }
    written++;
  }
  ring.Publish();
  if (!plan.scribblesLink || random.OneIn(2)) {
    connection.Announce(ring);
  }
  return written != before;
}

void Lane::Mischief(Random& random, Connection& connection, Ring& ring, const Plan& plan) {
  if (plan.scribblesLink) {
    ScribbleLink(random, connection);
  }
  if (plan.scribblesCursor && random.OneIn(16)) {
    const uint64_t cursor = random.OneIn(2) ? random.Edge() : ring.ReadPosition() + 8 * random.Below(64) - 256;

    journal_.Note("packet cursor", cursor);
    ring.PacketCursor()->store(cursor, std::memory_order_release);
  }
  if (plan.sleepless) {
    for (uint32_t i = random.Below(64); i > 0; i--) {
      connection.RingWorker();
    }
  }
  if (plan.talks && random.OneIn(2)) {
    auto frame = AnyHostFrame(random);

    if (random.OneIn(200)) {
      Spoil(random, frame);
    }
    journal_.Note("frame", frame.size(), frame.data(), frame.size());
    if (random.OneIn(4)) {
      connection.SendWith(frame, baggage_.Some(random));
    } else {
      connection.Send(frame);
    }
  }
}

void Lane::Corrupt(Random& random, Connection& connection, Records& records, Ring& ring) {
  if (random.OneIn(2)) {
    const auto cursor = random.OneIn(2) ? ring.Position() - 8 * (1 + random.Below(100)) : ring.Consumed() + random.Edge();

    journal_.Note("verdict cursor", cursor);
    ring.ProducerCursor()->store(cursor, std::memory_order_release);
  } else if (Append(ring, records.Corrupt(ring.Size()))) {
    ring.Publish();
  }
  connection.Announce(ring);
}

// The worker comes to them when this host is gone.
void Lane::Fill(Random& random, Connection& connection, Records& records, Ring& ring) {
  const uint32_t kind = random.Below(4);

  // As many as there can be, as bad as they can be, or of all kinds.
  while (Append(ring, kind < 2 ? records.Short() : kind == 2 ? records.Unsound() : records.Sound())) {
  }
  ring.Publish();
  if (random.OneIn(2)) {
    connection.Announce(ring);
  }
}

void Lane::Hang(Random& random, Connection& connection, Known& known, Ring& ring) {
  const auto untilNs = host::MonotonicNs() + HangMs * NsPerMs;

  ring.NowServing()->store(random.OneIn(2) ? ring.ReadPosition() + 1 : ring.ReadPosition() + 1 + (uint64_t{1} << 63), std::memory_order_release);
  while (connection.Await(known, 20) && host::MonotonicNs() < untilNs && !orders_.IsOver()) {
  }
}

bool Lane::Append(Ring& ring, const Records::Record& record) {
  if (!ring.Append(record.bytes, record.length)) {
    return false;
  }
  journal_.Note(record.what, ring.Position(), record.bytes, record.length);
  return true;
}

void Lane::Count(Connection& connection) {
  for (const auto& ring : connection.Rings()) {
    tally_.records += ring->TakeLookedAt();
  }
}

// A connection that does not get far. False when nobody listens any more.
bool Lane::Knock(Random& random, const std::string& token) {
  auto fd = ConnectTo(socketPath_);

  tally_.connections++;
  if (!fd) {
    return false;
  }

  Connection connection(std::move(fd));
  auto frame = AnyHello(random, token);

  if (random.OneIn(2)) {
    Spoil(random, frame);
  }
  journal_.Note("hello", frame.size(), frame.data(), frame.size());
  if (frame.empty()) {
    return true;
  }
  if (random.OneIn(4)) {
    connection.SendWith(frame, baggage_.Some(random));
  } else if (random.OneIn(8)) {
    // Byte by byte.
    for (size_t i = 0; i < std::min<size_t>(frame.size(), 64) && connection.Send({frame[i]}); i++) {
    }
  } else {
    connection.Send(frame);
  }

  pollfd readable{connection.Fd(), POLLIN, 0};

  poll(&readable, 1, static_cast<int>(random.Below(3)));
  return true;
}

// More at once than the worker keeps; they say nothing.
void Lane::Crowd(Random& random) {
  std::vector<shm::UniqueFd> crowd;

  journal_.Note("crowd");
  for (uint32_t i = 0; i < CrowdSize; i++) {
    crowd.push_back(ConnectTo(socketPath_));
    tally_.connections++;
  }
  SleepMicros(static_cast<long>(random.Below(20'000)));
}

}  // namespace mph::fuzz
