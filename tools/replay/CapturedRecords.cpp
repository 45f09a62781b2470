#include "CapturedRecords.hpp"

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

using host::RecordKind;
using Mph::Layout::RecordType;

template <typename Record>
bool IsWhole(const Record& record, size_t before, size_t left) {
  return record.record_length >= before && record.record_length <= left && record.bytes_offset >= before &&
         record.bytes_offset <= record.record_length && record.copied_length <= record.record_length - record.bytes_offset;
}

bool IsPacket(const std::byte* bytes, size_t left) {
  const auto& packet = *reinterpret_cast<const mph_packet*>(bytes);

  return left >= sizeof packet && packet.record_type == static_cast<uint8_t>(RecordType::Packet) && IsWhole(packet, sizeof packet, left);
}

bool IsData(const std::byte* bytes, size_t left) {
  const auto& data = *reinterpret_cast<const mph_data*>(bytes);

  return left >= sizeof data && data.record_type == static_cast<uint8_t>(RecordType::Data) &&
         IsWhole(data, sizeof data + data.subchannel_count * sizeof(uint16_t), left);
}

}  // namespace

// What throws in here finds a whole object, which gives back what is mapped.
CapturedRecords::CapturedRecords(const std::string& file) : CapturedRecords() {
  Map(file);
  Walk(file);
}

CapturedRecords::~CapturedRecords() {
  if (data_ != nullptr) {
    munmap(const_cast<std::byte*>(data_), size_);
  }
}

void CapturedRecords::Map(const std::string& file) {
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

void CapturedRecords::Walk(const std::string& file) {
  for (size_t at = 0; at < size_;) {
    const auto* const bytes = data_ + at;
    const bool isPacket = IsPacket(bytes, size_ - at);

    if (!isPacket && !IsData(bytes, size_ - at)) {
      throw std::runtime_error(file + ": neither a packet's record nor a message's stands at byte " + std::to_string(at));
    }
    records_.push_back({isPacket ? RecordKind::Packet : RecordKind::Data, bytes});
    // Both kinds begin alike (LayoutChecks.cpp).
    at += shm::AlignedLength(records_.back().Packet().record_length);
  }
}

}  // namespace mph::replay
