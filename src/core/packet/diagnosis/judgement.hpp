// One judgement, while it is under way. For judge*.cpp only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/packet/diagnosis/judge.hpp"

namespace core::packet {

class Judgement {
 public:
  Judgement(Trace& trace, const Question& question, const Answer& answer, const Promise& promise,
            World& world)
      : trace_(trace), question_(question), answer_(answer), promise_(promise), world_(world) {}

  void run();

 private:
  [[nodiscard]] std::string place(const Step& step) const { return world_.name(step.place); }
  [[nodiscard]] std::string inside(const Step& step) const { return world_.inside(step.place); }

  // ways that end before their time (judge_dead_end.cpp)
  Finding dead_end(const Way& way, std::size_t step, bool reply);
  std::vector<Finding::Fix> fixes(const Way& way, const Step& step);

  // the request (judge.cpp)
  bool not_served(Finding problem);
  void request();
  bool untracked(const Way& way);
  bool by_others(const Way& way);
  bool not_mapped(const Way& way);
  void translations();
  void stale();
  void draining();
  void clash(std::size_t step);
  void duplicates();
  void sizes();
  void conclude();

  // the answer (judge_reply.cpp)
  void reply(const Way& way);
  void home(const Way& way, std::size_t last);
  [[nodiscard]] bool left_elsewhere(std::size_t first) const;
  void by_another_link(std::size_t first);
  [[nodiscard]] const Step* passed_over(const Way& way) const;
  void past_the_translation(const Way& way, const Step& translation, std::size_t first);
  [[nodiscard]] std::string way_to(const Step& translation, const Step& from) const;
  static std::vector<std::size_t> places(std::span<const Step> steps);
  void symmetry(const Way& way, std::size_t first);

  Trace& trace_;
  const Question& question_;
  const Answer& answer_;
  const Promise& promise_;
  World& world_;
};

}  // namespace core::packet
