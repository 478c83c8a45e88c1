#include "cmd/serve/http_server.hpp"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "cmd/serve/http_connections.hpp"
#include "cmd/serve/http_desk.hpp"
#include "cmd/serve/http_gzip.hpp"
#include "cmd/serve/metrics_page.hpp"
#include "cmd/serve/process_metrics.hpp"
#include "core/error.hpp"
#include "os/bell.hpp"
#include "os/clock.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

// Between looks at who waited for too long, and which answers are too old to be shared.
constexpr std::chrono::milliseconds look_again_after = 200ms;

using SharedAnswer = HttpConnections::Answer;

SharedAnswer share(HttpAnswer answer) {
  return std::make_shared<const HttpAnswer>(std::move(answer));
}

std::vector<os::Fd> copies_of(const std::vector<os::Fd>& listeners) {
  std::vector<os::Fd> copies;
  for (const os::Fd& listener : listeners) {
    copies.emplace_back(fcntl(listener.get(), F_DUPFD_CLOEXEC, 0));
    if (!copies.back()) {
      throw core::Error(core::Error::Kind::transient,
                        std::string("cannot start the HTTP server: ") + std::strerror(errno));
    }
  }
  return copies;
}

}  // namespace

class HttpServer::Server {
 public:
  Server(const std::vector<os::Fd>& listeners, std::vector<HttpPage> pages,
         const HttpLimits& limits)
      : pages_(std::move(pages)),
        kept_(pages_.size()),
        desk_(pages_.size()),
        connections_(
            copies_of(listeners), limits, os::system_clock(),
            [this](Id id, const HttpRequest& request) { answer(id, request); },
            [this](Id id) { forget(id); }) {
    maker_ = std::jthread([this](const std::stop_token& stop) { desk_.make(stop); });
    thread_ = std::thread([this] { run(); });
  }

  ~Server() {
    stop_.ring();
    thread_.join();
  }

  [[nodiscard]] int wanted_fd() const { return desk_.wanted_fd(); }
  void read_wanted() { desk_.read_wanted(pages_); }

 private:
  using Id = HttpConnections::Id;
  struct Waiting {
    Id id;
    std::size_t page;
    std::uint64_t order;
    os::Time until;
  };
  struct Kept {
    SharedAnswer answer;
    os::Time until;
  };

  static os::Time now() { return os::Time::clock::now(); }

  void run() {
    std::vector<pollfd> fds;
    for (;;) {
      fds = {{stop_.fd(), POLLIN, 0}, {desk_.made_fd(), POLLIN, 0}};
      connections_.add_to(fds);
      if (poll(fds.data(), fds.size(), longest_wait()) < 0) {
        // Out of memory, or a signal: none of the descriptors was looked at.
        if (errno != EINTR) std::this_thread::sleep_for(look_again_after);
        continue;
      }
      if (fds[0].revents != 0) return;
      if (fds[1].revents != 0) serve_made();
      connections_.take(std::span(fds).subspan(2));
      look_again();
    }
  }

  [[nodiscard]] int longest_wait() const {
    os::Time due = connections_.due();
    const bool any = !waiting_.empty() || std::ranges::any_of(kept_, [](const Kept& kept) {
      return kept.answer != nullptr;
    });
    if (any) due = std::min(due, now() + look_again_after);
    if (due == os::Time::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  void answer(Id id, const HttpRequest& request) {
    if (request.method == HttpRequest::Method::other) {
      connections_.answer(id, share({405, "only GET and HEAD are served\n"}));
      return;
    }
    const auto page = find_page(request);
    if (page == pages_.end()) {
      std::string served = "served:";
      for (const HttpPage& known : pages_) {
        if (may_see(request, known)) served += ' ' + known.path;
      }
      connections_.answer(id, share({404, served + '\n'}));
    } else if (page->at_once) {
      connections_.answer(id, share(finished(page->at_once())));
    } else if (page->ask) {
      const auto number = static_cast<std::size_t>(page - pages_.begin());
      const std::string what = decode_query(target_of(request).substr(page->path.size()));
      waiting_.push_back({id, number, desk_.ask(number, what), now() + page->patience});
    } else {
      wait(id, static_cast<std::size_t>(page - pages_.begin()));
    }
  }

  static std::string target_of(const HttpRequest& request) {
    return request.path + '?' + request.query;
  }

  static bool may_see(const HttpRequest& request, const HttpPage& page) {
    return request.local || !page.local;
  }

  // A query that no page is for changes nothing, as on most servers.
  [[nodiscard]] std::vector<HttpPage>::const_iterator find_page(const HttpRequest& request) const {
    const std::string target = target_of(request);
    const auto find = [&](const auto& fits) {
      return std::ranges::find_if(
          pages_, [&](const HttpPage& page) { return may_see(request, page) && fits(page); });
    };
    const auto exact = find([&](const HttpPage& page) {
      return page.ask ? target.starts_with(page.path) : target == page.path;
    });
    if (exact != pages_.end()) return exact;
    return find([&](const HttpPage& page) { return page.path == request.path; });
  }

  // Pages of metrics tell of this server and its process, too.
  [[nodiscard]] HttpAnswer finished(HttpAnswer made) const {
    if (made.type != metrics_type) return made;
    MetricsPage page("");
    page.single("pona_http_connections_cut_off_total", "counter",
                "Connections to health and metrics that were closed because they were slow, or too "
                "many.",
                connections_.cut_off());
    add_process_metrics(page);
    made.body += page.take();
    made.gzip = gzip(made.body);
    return made;
  }

  void wait(Id id, std::size_t page) {
    if (kept_[page].answer && now() <= kept_[page].until) {
      connections_.answer(id, kept_[page].answer);
      return;
    }
    waiting_.push_back({id, page, desk_.order(page), now() + pages_[page].patience});
  }

  void serve_made() {
    desk_.silence();
    for (HttpDesk::Made& told : desk_.take_told()) {
      send(share(finished(std::move(told.answer))),
           [&](const Waiting& waiting) { return waiting.order == told.order; });
    }
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      auto taken = desk_.take(page);
      if (!taken || !awaited(page)) continue;
      const SharedAnswer made = share(finished(std::move(taken->answer)));
      const bool shared = pages_[page].shared.count() != 0;
      // What was read before somebody asked may be too old for who did.
      send(made, [&](const Waiting& waiting) {
        return waiting.page == page && (shared || waiting.order <= taken->order);
      });
      if (shared) kept_[page] = {made, now() + pages_[page].shared};
    }
    cancel_orders();
  }

  void look_again() {
    const os::Time time = now();
    for (Kept& kept : kept_) {
      if (kept.until < time) kept.answer.reset();  // may be large, and is of no more use
    }
    const auto late = [&](const Waiting& waiting) { return waiting.until <= time; };
    if (std::ranges::none_of(waiting_, late)) return;
    send(share({503, "the loop is busy\n"}), late);
    cancel_orders();
  }

  // To those that are chosen. They leave the list before: an answer may close the connection.
  template <typename Which>
  void send(const SharedAnswer& answer, Which which) {
    const auto chosen = std::stable_partition(waiting_.begin(), waiting_.end(),
                                              [&](const Waiting& w) { return !which(w); });
    const std::vector<Waiting> taken(chosen, waiting_.end());
    waiting_.erase(chosen, waiting_.end());
    // cppcheck-suppress invalidContainer  ; these are copies
    for (const Waiting& waiting : taken) connections_.answer(waiting.id, answer);
  }

  [[nodiscard]] bool awaited(std::size_t page) const {
    return std::ranges::find(waiting_, page, &Waiting::page) != waiting_.end();
  }

  void cancel_orders() {
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      if (!awaited(page)) desk_.cancel(page);
    }
  }

  void forget(Id id) {
    std::erase_if(waiting_, [&](const Waiting& w) { return w.id == id; });
    cancel_orders();
  }

  const std::vector<HttpPage> pages_;
  std::vector<Kept> kept_;  // by page: the last answer, where it is shared
  HttpDesk desk_;
  os::Bell stop_;
  std::vector<Waiting> waiting_;
  HttpConnections connections_;
  std::jthread maker_;
  std::thread thread_;
};

HttpServer::HttpServer(const std::vector<os::Fd>& listeners, std::vector<HttpPage> pages,
                       const HttpLimits& limits)
    : server_(std::make_unique<Server>(listeners, std::move(pages), limits)) {}

HttpServer::~HttpServer() = default;

int HttpServer::fd() const { return server_->wanted_fd(); }

void HttpServer::read_wanted() { server_->read_wanted(); }

}  // namespace cmd
