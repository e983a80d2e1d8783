// A model inside a server: threads take requests from a queue and share one function. Each request has a deadline, and a
// shutdown cancels what still runs.
//
//   ./server_loop digits test.bin
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <penstock/penstock.hpp>
#include <thread>

#include "digits.h"

namespace api = penstock::api;

struct Request {
  api::Tensor image;
  double timeout_seconds;
  std::promise<int64_t> answer;
};

class Server {
 public:
  Server(api::Function classify, int num_threads) : classify_(std::move(classify)) {
    classify_.prepare();  // so that the first request need not
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~Server() { shut_down(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::future<int64_t> ask(api::Tensor image, double timeout_seconds) {
    Request request{std::move(image), timeout_seconds, {}};
    std::future<int64_t> answer = request.answer.get_future();
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(request));
    }
    wake_.notify_one();
    return answer;
  }

  // Runs that have begun stop soon; requests that wait get the same error.
  void shut_down() {
    cancel_.cancel();
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
      if (thread.joinable()) thread.join();
  }

 private:
  std::optional<Request> next() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return std::nullopt;
    Request request = std::move(queue_.front());
    queue_.pop_front();
    return request;
  }

  void serve() {
    while (std::optional<Request> request = next()) {
      try {
        api::RunOptions options{request->timeout_seconds, &cancel_};
        api::NamedTensors out = classify_.run({{"image", request->image}}, options);
        request->answer.set_value(out.at("digit").item<int64_t>());
      } catch (...) {
        request->answer.set_exception(std::current_exception());
      }
    }
  }

  api::Function classify_;
  api::CancelToken cancel_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

static bool is_cancelled(std::future<int64_t>& answer) {
  try {
    answer.get();
    return false;
  } catch (const api::Error& error) {
    return error.cancelled();
  }
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL TEST\n", argv[0]);
    return 2;
  }
  try {
    Digits digits = read_digits(argv[2]);
    Server server(api::Model::load(argv[1]).function("classify"), 4);
    auto image = [&](int64_t i) {
      return api::Tensor::copy({1, kSide, kSide, 1}, digits.pixels.data() + i * kPixels);
    };
    auto began = std::chrono::steady_clock::now();
    std::vector<std::future<int64_t>> answers;
    for (int64_t i = 0; i < digits.count(); ++i) answers.push_back(server.ask(image(i), 5.0));
    int64_t right = 0;
    for (int64_t i = 0; i < digits.count(); ++i)
      right += answers[static_cast<size_t>(i)].get() == digits.labels[static_cast<size_t>(i)];
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%lld requests, %lld right, %.0f per second\n",
                static_cast<long long>(digits.count()), static_cast<long long>(right),
                static_cast<double>(digits.count()) / took.count());

    std::future<int64_t> late = server.ask(image(0), 1e-9);
    bool timed_out = is_cancelled(late);
    server.shut_down();
    std::printf("a request past its deadline is %s\n", timed_out ? "refused" : "answered");
    return timed_out && right * 10 > digits.count() * 9 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
