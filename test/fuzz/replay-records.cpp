// The file that replay hands its native program: records of a crash capture, read in place. What is taken for a record is read to its end.

#include "CapturedRecords.hpp"
#include "FuzzInput.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <fstream>
#include <stdexcept>
#include <string>

namespace {

using mph::fuzz::FuzzInput;
using mph::fuzz::Require;

// Mapped memory has no red zone: bytes are taken from a copy as long as the file.
uint64_t SumOf(const mph::replay::CapturedRecord& record) {
  const auto length = record.Packet().record_length;
  uint64_t sum = record.Ticket() + record.ReceivedAtNs() + record.Run() + record.Producer();

  for (uint32_t i = 0; i < length; ++i) {
    sum += static_cast<uint8_t>(record.bytes[i]);
  }

  return sum;
}

constexpr uint32_t RunsPerLook = 256;

bool IsMapped() {
  std::ifstream maps("/proc/self/maps");

  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:records") != std::string::npos) {
      return true;
    }
  }

  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int fd = memfd_create("records", MFD_CLOEXEC);
  static const auto path = "/proc/self/fd/" + std::to_string(fd);
  static volatile uint64_t sum = 0;

  Require(ftruncate(fd, static_cast<off_t>(size)) == 0 && pwrite(fd, data, size, 0) == static_cast<ssize_t>(size), "a memfd takes the input");
  try {
    const mph::replay::CapturedRecords records(path);
    size_t total = 0;

    for (const auto& record : records.All()) {
      total += record.Packet().record_length;
      sum = sum + SumOf(record);
    }
    Require(!records.All().empty() && total <= size, "the records are there, and no longer than the file");
  } catch (const std::runtime_error&) {
  }
  if (static uint32_t runs = 0; ++runs % RunsPerLook == 0) {
    Require(!IsMapped(), "nothing of a file that is gone is mapped");
  }

  return 0;
}
