// A host that plays session after session: it comes in as a host does, does one kind of thing that none may do, and goes, or is cut off.
#pragma once

#include "Connection.hpp"
#include "Frames.hpp"
#include "Journal.hpp"
#include "Known.hpp"
#include "Orders.hpp"
#include "Random.hpp"
#include "Records.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace mph::fuzz {

// What a session is about.
struct Plan {
  const char* name;
  uint32_t weight;
  // How many of a million records are such as must be refused; so many strikes end a session.
  uint32_t unsoundPerMillion{300};
  // Of a second thread (Racer.hpp).
  uint32_t prey{0};
  uint32_t maxRecords{30'000};
  // In the end: something that the worker cannot read on behind; a ring full of records that is left behind at once; silence.
  bool corrupts{false};
  bool vanishes{false};
  bool hangs{false};
  // Before each batch: into the link segment, the packet cursor, the socket.
  bool scribblesLink{false};
  bool scribblesCursor{false};
  bool talks{false};
  bool sleepless{false};
};

// One of those that there are; nullptr when none has that name.
const Plan* FindPlan(const std::string& name);

class Lane {
 public:
  // Without a plan's name each session has another one.
  Lane(std::string socketPath, uint64_t seed, std::string planName, Orders& orders)
      : socketPath_(std::move(socketPath)), seed_(seed), planName_(std::move(planName)), orders_(orders) {}

  // Until it is over. False when the worker is not there any more.
  bool Run();

  const Journal& GetJournal() const { return journal_; }
  const Tally& GetTally() const { return tally_; }

 private:
  void Play(Random& random, const std::string& token);
  void PlayOut(Random& random, Connection& connection, Known& known, const Plan& plan);
  bool AwaitStart(Random& random, Connection& connection, Known& known);
  bool PlayBatch(Random& random, Connection& connection, Records& records, Known& known, Ring& ring, const Plan& plan, uint64_t& written);
  void Mischief(Random& random, Connection& connection, Ring& ring, const Plan& plan);
  void Corrupt(Random& random, Connection& connection, Records& records, Ring& ring);
  void Fill(Random& random, Connection& connection, Records& records, Ring& ring);
  void Hang(Random& random, Connection& connection, Known& known, Ring& ring);
  bool Append(Ring& ring, const Records::Record& record);
  void Count(Connection& connection);
  bool Knock(Random& random, const std::string& token);
  void Crowd(Random& random);

  std::string socketPath_;
  uint64_t seed_;
  std::string planName_;
  Orders& orders_;
  Baggage baggage_;
  Journal journal_;
  Tally tally_;
};

}  // namespace mph::fuzz
