// Two rings, two processes (or threads), millions of records, each of them checked byte by byte: order, contents, wrap-around, full rings,
// aborted claims, and no wake-up lost while both ends fall asleep at random.
//
//   ring-stress --records 10000000                     the long form (20 to 60 seconds)
//   ring-stress --records 10000000 --threads           the same under ThreadSanitizer (a build of its own)
//   ring-stress --records 2000000 --ping-pong          one record at a time, where wake-ups get lost
//
// --seed repeats a run's records; the interleaving is the machine's.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <random>
#include <thread>

#include "peers.hpp"
#include "watchdog.hpp"

using Clock = std::chrono::steady_clock;

static void report(const Options& options, const Worker& worker, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("ok 1 - %lu records crossed the ring and came back as verdicts, all in order and unharmed\n", options.records);
  std::printf("# %.2f s, %.0f records/s, %.2f GB/s; the worker slept %lu times and rang %lu times\n", seconds,
              static_cast<double>(options.records) / seconds, static_cast<double>(worker.bytes) / seconds / 1e9, worker.waking.sleeps,
              worker.waking.rings);
  std::printf("# the packet ring wrapped %lu times and was full %lu times, the verdict ring %lu times and was up to %lu %% full\n1..1\n",
              worker.bytes / options.packetRingSize, worker.ringFull,
              options.records * sizeof(Layout::VerdictRecord) / options.verdictRingSize,
              100 * worker.mostVerdictBytes / options.verdictRingSize);
}

static int fail(const char* who, const std::exception& error) {
  std::printf("not ok 1 - %s: %s\n1..1\n", who, error.what());
  std::fflush(stdout);
  return 1;
}

static int runHost(const Options& options, int socket) {
  try {
    const auto fds = receiveFds(socket);
    const auto segments = Segments::Open(options, {fds[0], fds[1], fds[2], fds[3]});
    const auto end = segments.EndWith(fds[4], fds[5]);
    Host(options, end).Run();
    return 0;
  } catch (const std::exception& error) {
    return fail("host", error);
  }
}

static int runProcesses(const Options& options) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    std::perror("socketpair");
    return 1;
  }

  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(sockets[0]);
    ::_exit(runHost(options, sockets[1]));
  }
  ::close(sockets[1]);

  auto hostBell = shm::DoorbellPipe::Create();
  auto workerBell = shm::DoorbellPipe::Create();
  const auto segments = Segments::Create(options);
  sendFds(sockets[0], {segments.packet.Fd(), segments.verdict.Fd(), segments.workerLink.Fd(), segments.hostLink.Fd(),
                       hostBell.readEnd.Get(), workerBell.writeEnd.Get()});
  hostBell.readEnd.Reset();
  workerBell.writeEnd.Reset();

  const auto end = segments.EndWith(workerBell.readEnd.Get(), hostBell.writeEnd.Get());
  const Watchdog watchdog(options, end);
  const auto start = Clock::now();
  Worker worker(options, end);
  worker.Run();

  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) {
    throw std::runtime_error("the host ended with status " + std::to_string(status));
  }
  report(options, worker, start);
  return 0;
}

// ThreadSanitizer knows memory by its address, so both ends work on one mapping: here the writable ones, of which each process would have
// only its own.
static int runThreads(const Options& options) {
  auto hostBell = shm::DoorbellPipe::Create();
  auto workerBell = shm::DoorbellPipe::Create();
  const auto made = Segments::Create(options);
  const auto duplicate = [](int fd) { return shm::UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); };
  const auto verdict = shm::Segment::Open(duplicate(made.verdict.Fd()), Kind::Verdict, options.verdictRingSize, shm::Access::ReadWrite);
  const auto hostLink = shm::Segment::Open(duplicate(made.hostLink.Fd()), Kind::HostLink, 0, shm::Access::ReadWrite);

  End end = made.EndWith(workerBell.readEnd.Get(), hostBell.writeEnd.Get());
  end.verdict = verdict.Data();
  end.hostLink = hostLink.Data();
  End hostEnd = end;
  hostEnd.bellIn = hostBell.readEnd.Get();
  hostEnd.bellOut = workerBell.writeEnd.Get();

  const Watchdog watchdog(options, end);
  std::thread host([&] {
    try {
      Host(options, hostEnd).Run();
    } catch (const std::exception& error) {
      ::_exit(fail("host", error));
    }
  });
  const auto start = Clock::now();
  Worker worker(options, end);
  worker.Run();
  host.join();
  report(options, worker, start);
  return 0;
}

int main(int argc, char** argv) {
  Options options = parseOptions(argc, argv);
  if (options.seed == 0) {
    options.seed = std::random_device{}();
  }
  std::printf("# --records %lu --seed %lu%s%s\n", options.records, options.seed, options.threads ? " --threads" : "",
              options.pingPong ? " --ping-pong" : "");
  std::fflush(stdout);
  std::signal(SIGPIPE, SIG_IGN);

  try {
    return options.threads ? runThreads(options) : runProcesses(options);
  } catch (const std::exception& error) {
    // Another thread may be at work, so no destructors.
    ::_exit(fail("worker", error));
  }
}
