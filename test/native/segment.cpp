// Segments: what the seals forbid, what Open() refuses, and that nothing is left behind.
#include "mph/shm/Segment.hpp"

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "tap.hpp"

namespace Layout = mph::shm::Layout;
using mph::shm::Access;
using mph::shm::Prefault;
using mph::shm::Segment;
using mph::shm::UniqueFd;
using Kind = Layout::SegmentKind;

static constexpr uint32_t RingSize = 262144;
static constexpr uint32_t Pid = 4711;

static UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// errno of `call` if it fails as system calls do, 0 if it does not.
static int errnoOf(const std::function<bool()>& failed) {
  errno = 0;
  return failed() ? errno : 0;
}

static size_t openFiles() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

// Permissions of the mapping at this address, e.g. "r--s".
static std::string permissionsAt(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (std::stoull(line, nullptr, 16) == reinterpret_cast<uintptr_t>(address)) {
      return line.substr(line.find(' ') + 1, 4);
    }
  }
  return "none";
}

// What a host might try on a descriptor that the worker gave it.
static void testSealsOf(Kind kind, const std::string& name) {
  auto segment = Segment::CreateOwned(kind, kind == Kind::Packet ? RingSize : 0, Pid);
  const size_t size = segment.Size();
  const UniqueFd received = duplicate(segment.Fd());
  const int fd = received.Get();
  const auto rw = PROT_READ | PROT_WRITE;

  tap::is(errnoOf([&] { return ::mmap(nullptr, size, rw, MAP_SHARED, fd, 0) == MAP_FAILED; }), EPERM,
          name + " cannot be mapped for writing");
  tap::is(errnoOf([&] { return ::ftruncate(fd, 0) != 0; }), EPERM, name + " cannot shrink");
  tap::is(errnoOf([&] { return ::ftruncate(fd, static_cast<off_t>(size) * 2) != 0; }), EPERM, name + " cannot grow");
  tap::is(errnoOf([&] { return ::pwrite(fd, "x", 1, 64) < 0; }), EPERM, name + " cannot be written to");
  tap::is(errnoOf([&] { return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != 0; }), EPERM,
          name + " cannot get a hole");
  tap::is(errnoOf([&] { return ::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0; }), EPERM, name + " takes no further seal");

  void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  tap::ok(mapping != MAP_FAILED, name + " can be mapped for reading");
  tap::is(errnoOf([&] { return ::mprotect(mapping, size, rw) != 0; }), EACCES, name + " once mapped cannot be made writable");

  const UniqueFd again(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
  tap::is(errnoOf([&] { return ::mmap(nullptr, size, rw, MAP_SHARED, again.Get(), 0) == MAP_FAILED; }), EPERM,
          name + " opened anew through /proc cannot be mapped for writing");

  segment.Data()[100] = 42;
  tap::is(static_cast<const uint8_t*>(mapping)[100], 42, name + " is still written by the worker, and the reader sees it");
  ::munmap(mapping, size);
}

static void testPeerSegment() {
  auto worker = Segment::CreateForPeer(Kind::Verdict, RingSize, Pid);
  tap::is(permissionsAt(worker.Data()), "r--s", "a verdict segment is read-only in the worker");

  auto host = Segment::Open(duplicate(worker.Fd()), Kind::Verdict, RingSize, Access::ReadWrite);
  host.Data()[100] = 7;
  tap::is(worker.Data()[100], 7, "the worker sees what the host writes");

  const int fd = host.Fd();
  tap::is(errnoOf([&] { return ::ftruncate(fd, 0) != 0; }), EPERM, "a verdict segment cannot shrink: nobody raises SIGBUS");
  tap::is(errnoOf([&] { return ::ftruncate(fd, 1 << 30) != 0; }), EPERM, "a verdict segment cannot grow");
  tap::is(errnoOf([&] { return ::fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0; }), EPERM, "a verdict segment takes no further seal");
}

static void testCreation() {
  auto segment = Segment::CreateOwned(Kind::Packet, RingSize, Pid);
  Layout::SegmentHeader header;
  std::memcpy(&header, segment.Data(), sizeof(header));

  tap::is(segment.Size(), Segment::SizeFor(Kind::Packet, RingSize), "a segment has the size for its kind and ring");
  tap::ok(header.magic() == 0x5348504d && header.kind() == Kind::Packet && header.ringSize() == RingSize && header.workerPid() == Pid,
          "a segment begins with its header");
  tap::ok(std::memcmp(segment.Data(), "MPHS", 4) == 0, "the magic number reads MPHS in a dump");
  tap::ok((::fcntl(segment.Fd(), F_GETFD) & FD_CLOEXEC) != 0, "a segment's descriptor is closed on exec");
  tap::is(reinterpret_cast<uintptr_t>(segment.Data()) % 4096, 0, "a segment begins on a page");

  auto prefaulted = Segment::CreateOwned(Kind::Packet, RingSize, Pid, Prefault::AtOnce);
  struct stat status {};
  ::fstat(prefaulted.Fd(), &status);
  tap::is(status.st_blocks * 512, prefaulted.Size(), "a prefaulted segment has all its pages at once");
  ::fstat(segment.Fd(), &status);
  tap::is(status.st_blocks * 512, 4096, "another has the page of its header");

  tap::throws<std::runtime_error>([] { Segment::CreateOwned(Kind::Verdict, RingSize, Pid); }, "CreateForPeer",
                                  "the worker does not own a verdict segment");
  tap::throws<std::runtime_error>([] { Segment::CreateForPeer(Kind::WorkerLink, 0, Pid); }, "CreateOwned",
                                  "a host does not write the worker's link");
  tap::throws<std::runtime_error>([] { Segment::CreateOwned(Kind::None, RingSize, Pid); }, "", "there is no segment without a kind");

  for (const uint32_t size : {0U, 1U, RingSize / 2, RingSize - 8, RingSize + RingSize / 2, 0x80000000U}) {
    tap::throws<std::runtime_error>([&] { Segment::CreateOwned(Kind::Packet, size, Pid); }, std::to_string(size),
                                    "a ring of " + std::to_string(size) + " bytes is refused by name");
  }
  tap::throws<std::runtime_error>([] { Segment::CreateOwned(Kind::WorkerLink, RingSize, Pid); }, "no ring",
                                  "a link with a ring is refused");
}

static void testOpen() {
  const auto packet = Segment::CreateOwned(Kind::Packet, RingSize, Pid);
  const auto refused = [](int fd, Kind kind, uint32_t ringSize, const char* part, const char* name) {
    tap::throws<std::runtime_error>([&] { Segment::Open(duplicate(fd), kind, ringSize, Access::ReadOnly); }, part, name);
  };

  auto host = Segment::Open(duplicate(packet.Fd()), Kind::Packet, RingSize, Access::ReadOnly);
  packet.Data()[5000] = 99;
  tap::is(host.Data()[5000], 99, "a host reads what the worker writes");

  tap::throws<std::system_error>([&] { Segment::Open(duplicate(packet.Fd()), Kind::Packet, RingSize, Access::ReadWrite); }, "for writing",
                                 "a host cannot open a packet segment for writing");
  refused(packet.Fd(), Kind::Packet, RingSize * 2, "bytes instead of", "another size than announced is refused");
  refused(packet.Fd(), Kind::Verdict, RingSize, "of kind 1", "another kind than announced is refused");
  refused(-1, Kind::Packet, RingSize, "descriptor", "no descriptor is refused");

  // What a worker of this version never sends.
  const auto forged = [&](const Layout::SegmentHeader& header, int seals) {
    UniqueFd fd(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const bool made = ::ftruncate(fd.Get(), static_cast<off_t>(packet.Size())) == 0 &&
                      ::pwrite(fd.Get(), &header, sizeof(header), 0) == sizeof(header) && ::fcntl(fd.Get(), F_ADD_SEALS, seals) == 0;
    if (!made) {
      std::perror("# forging a segment failed");
    }
    return fd;
  };
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE;
  const auto magic = static_cast<uint32_t>(Layout::SegmentMagic::Value);
  const auto version = static_cast<uint16_t>(Layout::LayoutVersion::Current);

  refused(forged({magic, version, Kind::Packet, 0, RingSize, Pid}, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL).Get(), Kind::Packet, RingSize,
          "not sealed", "a packet segment that others may write is refused");
  refused(forged({magic, version, Kind::Packet, 0, RingSize, Pid}, F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL).Get(), Kind::Packet, RingSize,
          "not sealed", "a segment that may shrink is refused");
  refused(forged({magic + 1, version, Kind::Packet, 0, RingSize, Pid}, seals).Get(), Kind::Packet, RingSize, "magic",
          "another magic number is refused");
  refused(forged({magic, 99, Kind::Packet, 0, RingSize, Pid}, seals).Get(), Kind::Packet, RingSize, "version 99",
          "another layout version is refused with both versions");
  refused(forged({magic, version, Kind::Packet, 0, RingSize * 2, Pid}, seals).Get(), Kind::Packet, RingSize, "ring size",
          "another ring size in the header is refused");

  std::array<int, 2> ends{};
  if (::pipe(ends.data()) == 0) {
    refused(ends[0], Kind::Packet, RingSize, "bytes instead of", "a pipe is refused");
    ::close(ends[0]);
    ::close(ends[1]);
  }
}

static void testLifetime() {
  const size_t before = openFiles();
  const void* address = nullptr;
  {
    auto first = Segment::CreateOwned(Kind::Packet, RingSize, Pid);
    auto second = Segment::CreateOwned(Kind::WorkerLink, 0, Pid);
    const auto* data = first.Data();

    Segment moved(std::move(first));
    tap::ok(moved.Data() == data && first.Data() == nullptr && first.Fd() == -1, "a moved segment leaves nothing behind");
    second = std::move(moved);
    tap::ok(second.Data() == data, "a segment can be assigned");
    tap::is(openFiles(), before + 1, "what was assigned over is closed");
    second.CloseFd();
    tap::is(openFiles(), before, "CloseFd() closes the descriptor");
    second.Data()[0] = 1;
    tap::is(permissionsAt(second.Data()), "rw-s", "its mapping stays");
    address = second.Data();
  }
  tap::is(permissionsAt(address), "none", "the mapping goes with the segment");
}

static void testBudget() {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  struct rlimit none = limit;
  none.rlim_cur = 0;
  ::setrlimit(RLIMIT_NOFILE, &none);
  tap::throws<std::system_error>([] { Segment::CreateOwned(Kind::Packet, RingSize, Pid); }, "RLIMIT_NOFILE",
                                 "without descriptors the error says what to raise");
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int main() {
  testCreation();
  testSealsOf(Kind::Packet, "a packet segment");
  testSealsOf(Kind::WorkerLink, "a worker's link segment");
  testPeerSegment();
  testOpen();
  testLifetime();
  testBudget();
  return tap::done();
}
