#include "CapturedPackets.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cerrno>
#include <mph/shm/Layout.hpp>
#include <mph/shm/SystemError.hpp>
#include <mph/shm/UniqueFd.hpp>
#include <stdexcept>

namespace mph::replay {

namespace {

bool IsWhole(const mph_packet& packet, size_t left) {
  return packet.record_length >= sizeof(mph_packet) && packet.record_length <= left &&
         packet.record_type == static_cast<uint8_t>(shm::Layout::RecordType::Packet) && packet.bytes_offset >= sizeof(mph_packet) &&
         packet.bytes_offset <= packet.record_length && packet.copied_length <= packet.record_length - packet.bytes_offset;
}

}  // namespace

CapturedPackets::CapturedPackets(const std::string& file) {
  Map(file);
  Walk(file);
}

CapturedPackets::~CapturedPackets() { munmap(const_cast<std::byte*>(data_), size_); }

void CapturedPackets::Map(const std::string& file) {
  const shm::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};

  if (fd.Get() < 0 || fstat(fd.Get(), &status) != 0) {
    shm::ThrowSystemError(errno, "cannot open " + file, "it is made by mediasoup-plugin-host replay");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) {
    throw std::runtime_error(file + " is empty");
  }

  void* const mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd.Get(), 0);

  if (mapped == MAP_FAILED) {
    shm::ThrowSystemError(errno, "cannot map " + file, shm::RemedyFor(errno));
  }
  data_ = static_cast<const std::byte*>(mapped);
}

void CapturedPackets::Walk(const std::string& file) {
  for (size_t at = 0; at < size_;) {
    const auto* packet = reinterpret_cast<const mph_packet*>(data_ + at);

    if (size_ - at < sizeof(mph_packet) || !IsWhole(*packet, size_ - at)) {
      throw std::runtime_error(file + ": no packet's record stands at byte " + std::to_string(at));
    }
    packets_.push_back(packet);
    at += shm::AlignedLength(packet->record_length);
  }
}

}  // namespace mph::replay
