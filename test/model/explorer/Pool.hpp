// Memory for what a world allocates: given back all at once, since threads are left where they stand and run no destructors.
#pragma once

namespace mph::model::Pool {

void Reset();
void Enter();
void Leave();

// The explorer's own, called by a world.
class Pause {
 public:
  Pause();
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause();

 private:
  bool wasInside_;
};

}  // namespace mph::model::Pool
