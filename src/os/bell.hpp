// A bell that one thread rings and another one polls for (eventfd(2)). Rings run together and carry
// nothing: who hears it looks at what there is.
#pragma once

#include "os/fd.hpp"

namespace os {

class Bell {
 public:
  // Throws core::Error when the process has no descriptors left.
  Bell();

  // Readable while it rings.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // From any thread.
  void ring();
  // True: it was ringing. Silence it before looking, so that what comes meanwhile is heard.
  bool silence();

 private:
  Fd fd_;
};

}  // namespace os
