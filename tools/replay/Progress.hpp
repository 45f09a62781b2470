// Tells whoever started us how far we have come, so that it can say so when the plugin has ended this process: bytes into a pipe, whose
// writing survives every kind of death.
#pragma once

namespace mph::replay {

class Progress {
 public:
  // Below 0: nobody wants to know.
  explicit Progress(int fd);

  // The plugin is loaded and created.
  void Loaded() const { Tell('l'); }
  // It is about to get one packet more.
  void Packet() const { Tell('p'); }
  // It has survived.
  void Done() const { Tell('d'); }

 private:
  void Tell(char what) const;

  const int fd_;
};

}  // namespace mph::replay
