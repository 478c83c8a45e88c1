#include "kube/source/persistent_source.hpp"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "core/error.hpp"
#include "kube/source/object_json.hpp"
#include "kube/source/saved_objects.hpp"
#include "os/fd.hpp"

namespace kube {
namespace {

using ObjectPointer = std::shared_ptr<const core::Object>;

class Remembered : public Source {
 public:
  Remembered(const OpenSource& open, Memory memory)
      : memory_(std::move(memory)),
        journal_(memory_.file, memory_.source),
        timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    recall();
    Recalled recalled{{}, cluster_};
    recalled.objects.reserve(held_.size());
    for (const auto& [id, held] : held_) recalled.objects.push_back(held.object);
    source_ = open(recalled);
    for (const int fd : {source_->wake_fd(), timer_.get()}) {
      epoll_event event{};
      event.events = EPOLLIN;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) continue;
      throw core::Error(core::Error::Kind::transient,
                        std::string("cannot wait for a source: ") + std::strerror(errno));
    }
    // The file's objects wait to be taken.
    wake_after(std::chrono::nanoseconds(1));
  }

  [[nodiscard]] int wake_fd() const override { return epoll_.get(); }

  core::ObjectChanges take() override {
    const bool due = silence_timer();
    core::ObjectChanges news = hear();
    const bool first_look = !looked_ && source_->synced();
    if (first_look) {
      looked_ = true;
      forget_unseen(news);
    }
    if (looked_) note_cluster();
    // Before they are handed on: what a killed process leaves in the kernel is in the file.
    if (!memory_.read_only) save(news, due || first_look);
    if (std::exchange(given_, true)) return news;
    for (const auto& [id, held] : held_) news.emplace(id, held.object);
    return news;
  }

  [[nodiscard]] bool synced() const override { return given_ && (looked_ || recalled_); }

  [[nodiscard]] std::optional<std::int64_t> stale_since() const override {
    return recalled_ && !looked_ ? std::optional(saved_time_) : std::nullopt;
  }

  [[nodiscard]] std::vector<Problem> problems() const override {
    std::vector<Problem> problems = source_->problems();
    if (!looked_) {
      for (const std::string& remark : remarks_)
        problems.push_back({memory_.file.string(), remark});
    }
    if (!trouble_.empty()) {
      problems.push_back({memory_.file.string(),
                          "the objects are not saved, and a start without the API server will lack "
                          "the newest: " +
                              trouble_});
    }
    return problems;
  }

  [[nodiscard]] std::string cluster_uid() const override { return source_->cluster_uid(); }
  [[nodiscard]] std::optional<ApiServer> api_server() const override {
    return source_->api_server();
  }
  [[nodiscard]] std::size_t ignored() const override { return source_->ignored(); }
  [[nodiscard]] bool listens() const override { return source_->listens(); }
  void report(const core::PlannedMappings& planned) override { source_->report(planned); }

 private:
  struct Held {
    ObjectPointer object;
    bool seen = false;  // the source gave it, not only the file
  };

  void recall() {
    if (!memory_.read_only) attempt([this] { journal_.lock(); });
    SavedObjects saved = find_saved();
    remarks_ = std::move(saved.remarks);
    recalled_ = saved.usable();
    saved_time_ = saved.time;
    cluster_ = saved.cluster;
    for (auto& [id, object] : saved.objects) held_.emplace(id, Held{std::move(object), false});
    if (!journal_.locked()) return;
    if (saved.state == SavedObjects::State::whole) {
      current_ = attempt([&] { journal_.open(saved.head); });
    } else if (saved.state == SavedObjects::State::broken) {
      set_aside(".corrupt", "");
    } else if (saved.state == SavedObjects::State::newer) {
      set_aside(".version-" + std::to_string(saved.version),
                ", for that version to be used again under its name");
    }
  }

  void set_aside(const std::string& ending, const std::string& use) {
    attempt([&] {
      journal_.set_aside(ending);
      remarks_.push_back("set aside as " + memory_.file.string() + ending + use);
    });
  }

  [[nodiscard]] SavedObjects find_saved() const {
    const DecodeOptions decoding = read_back_options(memory_.max_ports_per_mapping);
    SavedObjects saved = read_saved_objects(memory_.file, memory_.source, decoding);
    struct stat status {};
    const std::filesystem::path outdated = journal_.outdated();
    if (saved.state != SavedObjects::State::missing || stat(outdated.c_str(), &status) != 0) {
      return saved;
    }
    // What could not be saved any more may be in the kernel, unless that is younger. To go back to
    // the older would take it away.
    if (status.st_ctime >= memory_.booted) {
      saved.remarks.push_back("lacks the last changes (" + outdated.filename().string() +
                              "): what the kernel holds is newer and stays");
      return saved;
    }
    saved = read_saved_objects(outdated, memory_.source, decoding);
    if (saved.state == SavedObjects::State::whole) saved.state = SavedObjects::State::mended;
    return saved;
  }

  // What is not as it was; also what only the file gave so far.
  core::ObjectChanges hear() {
    core::ObjectChanges news = source_->take();
    for (auto change = news.begin(); change != news.end();) {
      const auto& [id, object] = *change;
      bool known = false;
      if (!object) {
        held_.erase(id);
      } else {
        Held& held = held_[id];
        known = held.object && *held.object == *object;
        held = {object, true};
      }
      change = known ? news.erase(change) : std::next(change);
    }
    return news;
  }

  // The file says whose objects they are once they are.
  void note_cluster() {
    std::string cluster = source_->cluster_uid();
    if (cluster.empty() || cluster == cluster_) return;
    cluster_ = std::move(cluster);
    if (current_) current_ = attempt([this] { rewrite(); });
  }

  void forget_unseen(core::ObjectChanges& news) {
    std::erase_if(held_, [&](const auto& item) {
      if (item.second.seen) return false;
      news.insert_or_assign(item.first, nullptr);
      return true;
    });
  }

  // `again`: what failed may be tried again. Not for each change, as it is all objects that would
  // have to be written.
  void save(const core::ObjectChanges& news, bool again) {
    if (current_ && !news.empty()) {
      current_ = attempt([&] { journal_.append(news, memory_.clock.unix_seconds()); });
      if (!current_) retire();
    }
    if (current_) {
      if (!journal_.overgrown() || (crowded_ && !again)) return;
      // Where there is no room for another, the file that is there is still good.
      crowded_ = !attempt([this] { rewrite(); });
      trouble_.clear();
    } else if (again && (looked_ || recalled_)) {  // half of the objects is not worth a file
      current_ = attempt([this] { rewrite(); });
    }
  }

  void retire() {
    try {
      journal_.retire();
    } catch (const core::Error&) {
      // Where nothing can be written, nothing can be renamed; that is told of already.
    }
  }

  void rewrite() {
    const EachObject each = [this](const auto& visit) {
      for (const auto& [id, held] : held_) visit(*held.object);
    };
    journal_.rewrite(held_.size(), each, cluster_, memory_.clock.unix_seconds());
  }

  template <typename Action>
  bool attempt(Action action) {
    try {
      action();
      trouble_.clear();
      return true;
    } catch (const core::Error& error) {
      trouble_ = error.what();
      wake_after(memory_.retry);
      return false;
    }
  }

  void wake_after(std::chrono::nanoseconds wait) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    itimerspec when{};
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = (wait - seconds).count();
    timerfd_settime(timer_.get(), 0, &when, nullptr);
  }

  // Whether it rang.
  [[nodiscard]] bool silence_timer() const {
    std::uint64_t times = 0;
    return read(timer_.get(), &times, sizeof times) == sizeof times;
  }

  std::unique_ptr<Source> source_;
  Memory memory_;
  ObjectJournal journal_;
  os::Fd timer_;
  os::Fd epoll_;
  std::unordered_map<core::ObjectId, Held, HashId> held_;
  std::int64_t saved_time_ = 0;
  std::string cluster_;               // whose objects they are; empty: not known
  std::vector<std::string> remarks_;  // about the file as it was found
  std::string trouble_;    // why the file is not current; empty: it is, or nothing is due
  bool recalled_ = false;  // the file held a complete look
  bool looked_ = false;    // the source had one
  bool given_ = false;     // take() was called
  bool crowded_ = false;   // it is longer than it should be
  bool current_ = false;   // the file holds what is held
};

}  // namespace

std::int64_t boot_time() {
  timespec since_boot{};
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return static_cast<std::int64_t>(std::time(nullptr)) - since_boot.tv_sec;
}

std::unique_ptr<Source> remember(std::unique_ptr<Source> source, Memory memory) {
  return remember([&](const Recalled&) { return std::move(source); }, std::move(memory));
}

std::unique_ptr<Source> remember(const OpenSource& open, Memory memory) {
  return std::make_unique<Remembered>(open, std::move(memory));
}

}  // namespace kube
