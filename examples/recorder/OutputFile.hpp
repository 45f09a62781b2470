// A new file that is written to in whole pieces: a host that is killed leaves none half behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace recorder {

class OutputFile {
 public:
  // `stem` + `extension`, with a number in between if that exists. Throws std::system_error.
  OutputFile(const std::filesystem::path& stem, const char* extension);
  // Without Flush(): what it has not written yet is lost.
  ~OutputFile();

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::filesystem::path& Path() const { return path_; }

  // Puts bytes behind the piece that is being made.
  template <typename T>
  void Put(T value) {
    buffer_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void Put(const void* bytes, size_t length) { buffer_.append(static_cast<const char*>(bytes), length); }
  // The piece is whole. Throws like Flush().
  void EndPiece();
  // Throws std::system_error; the file ends with a whole piece then, too.
  void Flush();

 private:
  std::filesystem::path path_;
  int descriptor_{-1};
  std::string buffer_;
};

}  // namespace recorder
