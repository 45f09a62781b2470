// Control messages that no host sends, or not now.
#pragma once

#include "Random.hpp"

#include "Messages.hpp"

#include <mph/shm/UniqueFd.hpp>
#include <string>
#include <vector>

namespace mph::fuzz {

// Of a host that was let in: in the wrong order, about rings that are not there, by the wrong role, or a Query.
host::Bytes AnyHostFrame(Random& random);
// Hello with something wrong with it, or right with this token.
host::Bytes AnyHello(Random& random, const std::string& token);
// Another length than it has, bits that have flipped, a half, or noise.
void Spoil(Random& random, host::Bytes& frame);

// What is sent along where nothing is taken: files, sockets, pipes, memory.
class Baggage {
 public:
  Baggage();

  std::vector<int> Some(Random& random) const;

 private:
  std::vector<shm::UniqueFd> fds_;
};

}  // namespace mph::fuzz
