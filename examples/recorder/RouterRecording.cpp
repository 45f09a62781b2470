#include "RouterRecording.hpp"

#include "mph_plugin.h"

#include <algorithm>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace recorder {

namespace {

uint64_t NowNs(clockid_t clock) {
  timespec now{};

  clock_gettime(clock, &now);

  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// An id is a name that the app may have chosen.
std::string FileNameOf(std::string id) {
  std::replace_if(id.begin(), id.end(), [](char c) { return c == '/' || c == '\0'; }, '_');

  return id.substr(0, 128);
}

// The youngest of the files that begin with the router's id.
std::filesystem::path EarlierFile(const std::filesystem::path& directory, const std::string& prefix, const std::filesystem::path& except) {
  std::filesystem::path found;

  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const bool isOne = entry.path().filename().string().starts_with(prefix) && entry.path().extension() == ".pcapng" && entry.path() != except;

    if (isOne && (found.empty() || entry.last_write_time() > std::filesystem::last_write_time(found))) {
      found = entry.path();
    }
  }

  return found;
}

}  // namespace

RouterRecording::RouterRecording(std::filesystem::path directory, std::string routerId)
    : directory_(std::move(directory)), routerId_(std::move(routerId)), wallOffsetNs_(NowNs(CLOCK_REALTIME) - NowNs(CLOCK_MONOTONIC)) {}

RecordResult RouterRecording::Record(const PacketFacts& packet, const std::string& producerId, std::span<const uint8_t> bytes) {
  const uint64_t atNs = packet.receivedAtNs + wallOffsetNs_;

  if (packet.isRedelivered && IsInEarlierFile(packet, atNs)) {
    return RecordResult::HadAlready;
  }
  if (!capture_) {
    capture_ = std::make_unique<PcapngFile>(StemOf(routerId_), routerId_);
  }
  capture_->Append({packet.producer, packet.codec, packet.payloadType, packet.fullLength, bytes}, producerId, atNs);

  const size_t rest = size_t{packet.headerLength} + packet.paddingLength;

  if (packet.codec != MPH_CODEC_OPUS || bytes.size() < packet.fullLength || bytes.size() <= rest) {
    return RecordResult::Recorded;
  }

  const bool isIn = AddToAudio(packet, producerId, bytes.subspan(packet.headerLength, bytes.size() - rest));

  return isIn ? RecordResult::Recorded : RecordResult::NotInOgg;
}

bool RouterRecording::AddToAudio(const PacketFacts& packet, const std::string& producerId, std::span<const uint8_t> payload) {
  auto audio = audio_.find(packet.producer);

  if (audio == audio_.end()) {
    const time_t second = static_cast<time_t>((packet.receivedAtNs + wallOffsetNs_) / 1'000'000'000);
    char date[32];
    tm utc{};

    strftime(date, sizeof date, "DATE=%FT%TZ", gmtime_r(&second, &utc));
    audio = audio_.try_emplace(packet.producer, StemOf(producerId), packet.ssrc, std::vector<std::string>{"TITLE=" + producerId, date}).first;
  }

  return audio->second.track.Add(packet.timestamp, packet.receivedAtNs, payload);
}

void RouterRecording::EndProducer(uint32_t producer) {
  // Off the list whatever comes of it: what cannot be finished is not tried again.
  if (const auto audio = audio_.extract(producer)) {
    audio.mapped().track.Finish();
  }
}

void RouterRecording::Flush() {
  if (capture_) {
    capture_->Flush();
  }
  for (auto& [producer, audio] : audio_) {
    audio.file.Flush();
  }
}

void RouterRecording::Finish() {
  while (!audio_.empty()) {
    EndProducer(audio_.begin()->first);
  }
  if (const auto capture = std::exchange(capture_, nullptr)) {
    capture->Flush();
  }
}

bool RouterRecording::IsInEarlierFile(const PacketFacts& packet, uint64_t atNs) {
  if (!earlier_) {
    const auto file = EarlierFile(directory_, FileNameOf(routerId_) + "-", capture_ ? capture_->Path() : std::filesystem::path());

    earlier_ = file.empty() ? std::set<PacketName>() : PcapngFile::ReadTail(file, atNs);
  }

  return earlier_->contains({packet.ssrc, packet.sequenceNumber, packet.timestamp});
}

// With the process and the time, so that no host writes what another one has written.
std::filesystem::path RouterRecording::StemOf(const std::string& id) const {
  return directory_ / (FileNameOf(id) + "-" + std::to_string(NowNs(CLOCK_REALTIME) / 1'000'000) + "-" + std::to_string(getpid()));
}

}  // namespace recorder
