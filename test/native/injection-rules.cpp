// TokenBucket, InjectedCauses: how much a plugin may inject, and what is not injected twice.
#include "PluginHost/InjectedCauses.hpp"
#include "PluginHost/TokenBucket.hpp"
#include "tap.hpp"

using PluginHost::InjectedCauses;
using PluginHost::TokenBucket;

static constexpr uint64_t second = 1'000'000'000;

static uint32_t countWithin(TokenBucket& bucket, uint32_t cost, uint64_t fromNs, uint64_t toNs, uint64_t stepNs) {
  uint32_t taken = 0;
  for (uint64_t now = fromNs; now < toNs; now += stepNs) {
    while (bucket.Has(cost, now)) {
      bucket.Take(cost);
      ++taken;
    }
  }
  return taken;
}

static void testBucket() {
  TokenBucket packets(20'000);
  tap::is(countWithin(packets, 1, second, second + 1, 1), 2'000, "a full bucket lets a tenth of a second's tokens through at once");
  tap::ok(!packets.Has(1, second + 49'000) && packets.Has(1, second + 50'000), "and then as many as come");
  tap::is(countWithin(packets, 1, 2 * second, 3 * second, 1'000'000), 2'000 + 19'980, "no more than its rate however often it is asked");
  tap::is(countWithin(packets, 1, 60 * second, 60 * second + 1, 1), 2'000, "an idle minute is worth no more than a burst");

  TokenBucket slow(5);
  tap::is(countWithin(slow, 1, second, 11 * second, 1'000'000), 50, "a rate below ten a second is kept, too");
  TokenBucket bytes(1'000);
  tap::is(countWithin(bytes, 1'200, second, 13 * second, 1'000'000), 10, "something larger than a burst passes, and is paid for afterwards");

  packets.SetRate(10);
  tap::is(countWithin(packets, 1, 61 * second, 61 * second + 1, 1), 1, "another rate holds at once");
  TokenBucket most(UINT32_MAX);
  tap::ok(most.Has(UINT32_MAX, second), "the largest of everything does not overflow");
  most.Take(UINT32_MAX);
  tap::ok(!most.Has(UINT32_MAX, second), "nor does its debt");
  most.Take(UINT32_MAX);
  most.Take(UINT32_MAX);
  most.Take(UINT32_MAX);
  tap::ok(!most.Has(1, second), "however deep");
  TokenBucket deep(1'000);
  deep.Take(100'000);
  tap::ok(!deep.Has(1, 90 * second) && deep.Has(1, 101 * second), "a debt of many seconds takes as many to be paid");
}

static void testCauses() {
  constexpr auto closed = [](uint64_t) { return false; };
  InjectedCauses causes;
  tap::ok(!causes.TakeRepeated(7), "the first host repeats nothing");
  causes.Note(7, 100);
  causes.Note(7, 100);
  causes.Note(8, 100);
  tap::ok(!causes.TakeRepeated(7), "nor when it injects again because of the same record");

  causes.OnNextHost(120);
  tap::ok(causes.TakeRepeated(7) && causes.TakeRepeated(7) && !causes.TakeRepeated(7), "the next host is passed over as often as the one before injected");
  causes.Note(7, 130);
  causes.OnNextHost(140);
  tap::ok(causes.TakeRepeated(7) && causes.TakeRepeated(7) && causes.TakeRepeated(7) && !causes.TakeRepeated(7), "what it injected beyond that counts for the one after it");
  tap::ok(causes.TakeRepeated(8) && !causes.TakeRepeated(8) && !causes.TakeRepeated(9), "each record for itself");

  causes.Forget(139, closed);
  tap::is(causes.GetSize(), 2, "what can still come again is remembered");
  causes.Forget(140, [](uint64_t cause) { return cause == 7; });
  tap::is(causes.GetSize(), 2, "so is what is read and still open, and what came after it");
  causes.Forget(140, closed);
  tap::is(causes.GetSize(), 0, "the rest is forgotten");
  causes.OnNextHost(150);
  tap::ok(!causes.TakeRepeated(7), "for good");

  for (uint64_t cause = 0; cause < 3 * InjectedCauses::MaxCauses; ++cause) {
    causes.Note(cause, 1'000);
  }
  causes.OnNextHost(1'000);
  tap::is(causes.GetSize(), InjectedCauses::MaxCauses, "what is remembered is bounded");
  tap::ok(!causes.TakeRepeated(0) && causes.TakeRepeated(3 * InjectedCauses::MaxCauses - 1), "and the oldest goes first");
}

int main() {
  testBucket();
  testCauses();
  return tap::done();
}
