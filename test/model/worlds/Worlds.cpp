#include "Worlds.hpp"

namespace mph::model {

namespace {

constexpr Configuration configurations[] = {
    {"ring", "four records through a ring of 64 bytes that is full most of the time, with padding", &MakeRing},
    {"ring-batches", "six records with padding, published and given back two at a time", &MakeSmallRing},
    {"waking", "three records in three turns to a host that sleeps in between", &MakeWaking},
    {"both-asleep", "two packets in two turns and their verdicts, between a worker and a host that both sleep in between", &MakeBothAsleep},
    {"recent-rings", "a reader 62 publications behind while three more overwrite the oldest of the list", &MakeRecentRings},
    {"death", "three packets, one observed; the host dies in front of any of its steps and the standby reads on", &MakeDeath},
    {"hang", "two packets; the host is cut off at any time and goes on reading and answering", &MakeHang},
    {"stop", "two packets; the host stops as it is told at any time, and answers one too late", &MakeStop},
    {"ring-long", "as ring, with six records", &MakeLongRing, true},
    {"stop-long", "as stop, with three packets", &MakeLongStop, true},
};

const Control controls[] = {
    {"W1", "release as the producer publishes its cursor", "ring", {"packets.ProducerCursor", "", ""}},
    {"R1", "acquire as the consumer reads it", "ring", {"", "packets.ProducerCursor", ""}},
    {"W2", "release as the consumer gives records back", "ring", {"verdicts.PacketConsumerCursor", "", ""}},
    {"R2", "acquire as the producer reads how far that is", "ring", {"", "verdicts.PacketConsumerCursor", ""}},
    {"publish-before-writing", "a record that is written before it is published", "ring", {}, Fault::PublishBeforeWriting},
    {"release-before-reading", "a record that is read before it is given back", "ring", {}, Fault::ReleaseBeforeReading},
    {"F1", "fence between the flag and the second look", "waking", {"", "", "Asleep"}},
    {"F2", "fence between the publication and the look at the flag", "waking", {"", "", "!Asleep"}},
    {"no-second-look", "second look, after the flag is set", "waking", {}, Fault::NoSecondLook},
    {"W3", "release as publications are counted", "waking", {"worker.Publications", "", ""}},
    {"R3", "acquire as they are looked at", "waking", {"", "worker.Publications", ""}},
    {"ring-each-time", "a ring once per sleep, and not once per publication", "waking", {}, Fault::RingEachTime},
    {"F1-both", "fence between the flag and the second look, on both sides", "both-asleep", {"", "", "Asleep"}},
    {"F2-both", "fence between the publication and the look at the flag, on both sides", "both-asleep", {"", "", "!Asleep"}},
    {"reset-after-arming",
     "a bell that is reset before its owner looks, and not as it lies down",
     "both-asleep",
     {},
     Fault::ResetAfterArming},
    {"W4", "release as an entry of the list is overwritten", "recent-rings", {"RecentRing", "", ""}},
    {"R4", "acquire as an entry of the list is read", "recent-rings", {"", "RecentRing", ""}},
    {"cursor-before-verdicts", "verdicts that are published before their packets are given back", "death", {}, Fault::CursorBeforeVerdicts},
    {"keep-tickets", "a ticket that ends with its verdict", "hang", {}, Fault::KeepTickets},
    {"ignore-epoch", "the question whether a host serves before its verdicts are taken", "stop", {}, Fault::IgnoreEpoch},
    {"skip-redelivered", "the mark on records that an earlier host may have seen", "death", {}, Fault::None, true},
    {"skip-last-verdicts", "a last look at the verdicts of a host that is gone", "death", {}, Fault::None, true},
    {"skip-republish", "publishing again what the host before gave back without an answer", "stop", {}, Fault::None, true},
};

}  // namespace

std::span<const Configuration> Configurations() { return configurations; }
std::span<const Control> Controls() { return controls; }

}  // namespace mph::model
