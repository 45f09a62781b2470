// boost::lockfree::spsc_queue over shared memory, with records of the same sizes, used as its documentation shows: push() and
// consume_one().
#include <boost/lockfree/spsc_queue.hpp>

#include "others.hpp"
#include "payload.hpp"
#include "peer.hpp"
#include "samples.hpp"

namespace {

// Without our header: a queue of fixed-size elements needs none but the ticket.
template <uint32_t Size>
struct Record {
  uint64_t ticket;
  Payload<Size> payload;
};

struct Answer {
  uint64_t ticket;
  uint64_t verdict;
};

template <typename T>
using Queue = boost::lockfree::spsc_queue<T, boost::lockfree::capacity<1024>>;

template <uint32_t Size>
struct Queues {
  Queue<Record<Size>> packets;
  Queue<Answer> verdicts;
};

template <typename T>
void push(Queue<T>& queue, const T& element) {
  while (!queue.push(element)) {
  }
}

template <typename T, typename Handle>
void consume(Queue<T>& queue, Handle&& handle) {
  while (!queue.consume_one(handle)) {
  }
}

template <uint32_t Size>
Result oneWay(const Options& options) {
  const Shared<Queues<Size>> queues;
  const Peer peer(Cpus::Across, [&queues] {
    for (;;) {
      while (!queues->packets.consume_one([](const Record<Size>& record) { touch(record.payload.data(), Size); })) {
        pauseBetweenLooks();
      }
    }
  });
  Record<Size> record{0, sourcePayload<Size>()};

  return measureStream(options, Size, [&] {
    ++record.ticket;
    push(queues->packets, record);
    return uint64_t{1};
  });
}

}  // namespace

Result runBoostRoundTrip(const Options& options) {
  const Shared<Queues<PacketSize>> queues;
  const Peer peer(Cpus::Across, [&queues] {
    for (;;) {
      consume(queues->packets, [&queues](const Record<PacketSize>& record) {
        touch(record.payload.data(), PacketSize);
        push(queues->verdicts, Answer{record.ticket, 1});
      });
    }
  });
  Record<PacketSize> record{0, sourcePayload<PacketSize>()};

  return measureRoundTrips(options, [&] {
    ++record.ticket;
    push(queues->packets, record);
    consume(queues->verdicts, [&record](const Answer& answer) {
      if (answer.ticket != record.ticket) {
        throw std::runtime_error("this is not the verdict");
      }
    });
  });
}

Result runBoostOneWay1200(const Options& options) { return oneWay<PacketSize>(options); }
Result runBoostOneWay100(const Options& options) { return oneWay<SmallSize>(options); }
