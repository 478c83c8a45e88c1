// A daemon's answers to who asks it for `pona diag trace` over its unix socket: each by a process
// of its own, so that what goes wrong there is no harm here, with the rights that the daemon has.
// Few at once, and each for a limited time. Rule: only what looks, or sends the one packet, is run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "os/bell.hpp"

namespace cmd {

// Words of a command line as JSON, and back; nothing where it is something else.
std::string diag_question(const std::vector<std::string>& words);
std::optional<std::vector<std::string>> parse_diag_question(std::string_view text);

// Why a daemon does not run pona diag trace with these words; empty: it does. What names files,
// sockets or namespaces is the daemon's own to say.
std::string diag_refusal(const std::vector<std::string>& words);

struct DiagAnswer {
  int status = 0;  // of pona diag trace
  std::string output;
  std::string errors;
  std::string refusal;  // why it was not run; then the others mean nothing
};
std::string to_json(const DiagAnswer& answer);  // one line, without its end
std::optional<DiagAnswer> parse_diag_answer(std::string_view text);

class DiagAnswers {
 public:
  using Reply = std::function<void(const std::string& json)>;

  static constexpr std::size_t most_at_once = 4;

  // `own`: options that are added to each.
  explicit DiagAnswers(std::vector<std::string> own) : own_(std::move(own)) {}
  DiagAnswers(const DiagAnswers&) = delete;
  DiagAnswers& operator=(const DiagAnswers&) = delete;
  ~DiagAnswers();

  // The answer is given now, or later in take().
  void answer(const std::vector<std::string>& words, const Reply& reply);
  // Readable when take() is to be called.
  [[nodiscard]] int fd() const { return done_.fd(); }
  void take();

 private:
  struct Job {
    Reply reply;
    std::string result;  // empty: it runs
    std::jthread thread;
  };

  std::vector<std::string> own_;
  os::Bell done_;
  os::Bell abandon_;
  std::mutex mutex_;
  std::map<int, Job> jobs_;
  int last_ = 0;
};

}  // namespace cmd
