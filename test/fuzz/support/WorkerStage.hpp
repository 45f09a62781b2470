// A mediasoup worker within this process, with a router that is served: producers of four codecs and of data on a direct transport, each with a
// consumer. It is the real one in all but its loop, which runs turn by turn.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mph::fuzz {

struct Stream {
  const char* producerId;
  const char* mimeType;
  uint8_t payloadType;
  // As its sender says, and as the router does.
  uint32_t ssrc;
  uint32_t mappedSsrc;
};

class WorkerStage {
 public:
  // The layers of simulcast are streams of one producer.
  static constexpr std::array<Stream, 5> Streams{
      Stream{"opus", "audio/opus", 100, 1111, 100001}, Stream{"vp8", "video/VP8", 101, 2221, 200001}, Stream{"vp8", "video/VP8", 101, 2222, 200002},
      Stream{"vp9", "video/VP9", 102, 3331, 300001},   Stream{"h264", "video/H264", 103, 4441, 400001}};

  static constexpr const char* RouterId = "router";
  static constexpr const char* TransportId = "transport";
  static constexpr const char* DataProducerId = "data";

  // The only one of the process; it lives until that ends.
  static WorkerStage& Get();

  const std::string& SocketPath() const { return socketPath_; }
  const std::string& Token() const { return token_; }

  // What is there to do, without waiting.
  void Turn();

  // As if the stream's sender had sent it, with the next number. The payload is of any length.
  void SendRtp(size_t stream, const std::vector<uint8_t>& payload, bool marker);
  void SendData(uint32_t ppid, const std::vector<uint8_t>& message);


 private:
  struct Parts;

  WorkerStage();

  void MakeDir();
  void MakeRouter();

  std::string dir_;
  std::string socketPath_;
  std::string token_;
  std::unique_ptr<Parts> parts_;
  std::array<uint16_t, Streams.size()> numbers_{};
  uint32_t timestamp_{1000};
};

}  // namespace mph::fuzz
