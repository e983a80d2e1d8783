// The loss of label sequences that are not aligned with time (Graves et al., 2006), and its gradient. A task is a
// sequence; all is computed with logarithms in float64.
#include <math.h>

#include "indices.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr double kNever = -INFINITY;

// ln(e^a + e^b)
double LogAdd(double a, double b) {
  if (a == kNever) return b;
  if (b == kNever) return a;
  return (a > b ? a : b) + log1p(exp(-fabs(a - b)));
}

struct Ctc {
  int64_t batch, time, classes, length, blank;
  const float* logits;
  const penstock_tensor *labels, *label_length, *logit_length;
  int64_t States() const { return 2 * length + 1; }
};

int OutOfRange(penstock_call* call, const char* name, int64_t value, int64_t highest,
               const char* remedy) {
  Fail(call, "got %s %lld; expected 0 to %lld; %s", name, static_cast<long long>(value),
       static_cast<long long>(highest), remedy);
  return PENSTOCK_OUT_OF_RANGE;
}

int Check(penstock_call* call, const Ctc& ctc) {
  for (int64_t b = 0; b < ctc.batch; ++b) {
    const int64_t length = Index(ctc.label_length, b), steps = Index(ctc.logit_length, b);
    if (length < 0 || length > ctc.length) {
      return OutOfRange(call, "label_length", length, ctc.length,
                        "pad the labels, or mend the length");
    }
    if (steps < 0 || steps > ctc.time) {
      return OutOfRange(call, "logit_length", steps, ctc.time, "mend the length");
    }
    for (int64_t i = 0; i < length; ++i) {
      const int64_t label = Index(ctc.labels, b * ctc.length + i);
      if (label < 0 || label >= ctc.classes) {
        return OutOfRange(call, "the label", label, ctc.classes - 1,
                          "labels are numbers of classes");
      }
    }
  }
  return PENSTOCK_OK;
}

// ln of the sum of exponentials of one step's logits.
double Normaliser(const float* x, int64_t n) {
  double high = kNever, sum = 0;
  for (int64_t i = 0; i < n; ++i) high = x[i] > high ? static_cast<double>(x[i]) : high;
  if (!isfinite(high)) high = 0;
  for (int64_t i = 0; i < n; ++i) sum += exp(static_cast<double>(x[i]) - high);
  return high + log(sum);
}

// One sequence: its labels with blanks around them, and room to work in.
class Sequence {
 public:
  Sequence(const Ctc& ctc, int64_t b, double* room, int64_t* classes)
      : ctc_(ctc),
        x_(ctc.logits + b * ctc.time * ctc.classes),
        steps_(Index(ctc.logit_length, b)),
        states_(2 * Index(ctc.label_length, b) + 1),
        classes_(classes),
        alpha_(room),
        normaliser_(alpha_ + ctc.time * ctc.States()),
        beta_(normaliser_ + ctc.time),
        ahead_(beta_ + ctc.States()),
        expected_(ahead_ + ctc.States()) {
    for (int64_t s = 0; s < states_; ++s) {
      classes_[s] = s % 2 == 0 ? ctc.blank : Index(ctc.labels, b * ctc.length + s / 2);
    }
  }

  static int64_t Room(const Ctc& ctc) {
    return ctc.time * (ctc.States() + 1) + 2 * ctc.States() + ctc.classes;
  }

  // ln P(the first steps, ending in each state); returns the loss.
  double Forward() {
    if (steps_ == 0) return states_ == 1 ? 0 : INFINITY;
    for (int64_t t = 0; t < steps_; ++t) {
      normaliser_[t] = Normaliser(x_ + t * ctc_.classes, ctc_.classes);
      double* now = Alpha(t);
      const double* before = t == 0 ? nullptr : Alpha(t - 1);
      for (int64_t s = 0; s < states_; ++s) {
        double reached = s < 2 ? 0 : kNever;
        if (before != nullptr) {
          reached = before[s];
          if (s > 0) reached = LogAdd(reached, before[s - 1]);
          if (Skips(s)) reached = LogAdd(reached, before[s - 2]);
        }
        now[s] = reached + Emitted(t, s);
      }
    }
    const double* last = Alpha(steps_ - 1);
    return -LogAdd(last[states_ - 1], states_ > 1 ? last[states_ - 2] : kNever);
  }

  // The gradient of all steps that count, from the last one on.
  void Backward(double loss, float* gradient) {
    for (int64_t s = 0; s < states_; ++s) beta_[s] = s >= states_ - 2 ? 0 : kNever;
    for (int64_t t = steps_ - 1; t >= 0; --t) {
      if (t + 1 < steps_) StepBack(t + 1);
      for (int64_t c = 0; c < ctc_.classes; ++c) expected_[c] = 0;
      for (int64_t s = 0; s < states_; ++s) {
        expected_[classes_[s]] += exp(Alpha(t)[s] + beta_[s] + loss);
      }
      const float* x = x_ + t * ctc_.classes;
      for (int64_t c = 0; c < ctc_.classes; ++c) {
        const double p = exp(static_cast<double>(x[c]) - normaliser_[t]);
        gradient[t * ctc_.classes + c] = static_cast<float>(p - expected_[c]);
      }
    }
  }

 private:
  double* Alpha(int64_t t) { return alpha_ + t * ctc_.States(); }

  double Emitted(int64_t t, int64_t s) const {
    return static_cast<double>(x_[t * ctc_.classes + classes_[s]]) - normaliser_[t];
  }

  // Whether state s may follow the one before the last: only from a label to another one.
  bool Skips(int64_t s) const {
    return s >= 2 && classes_[s] != ctc_.blank && classes_[s] != classes_[s - 2];
  }

  // beta of the step before t from that of t.
  void StepBack(int64_t t) {
    for (int64_t s = 0; s < states_; ++s) ahead_[s] = beta_[s] + Emitted(t, s);
    for (int64_t s = 0; s < states_; ++s) {
      double total = ahead_[s];
      if (s + 1 < states_) total = LogAdd(total, ahead_[s + 1]);
      if (s + 2 < states_ && Skips(s + 2)) total = LogAdd(total, ahead_[s + 2]);
      beta_[s] = total;
    }
  }

  const Ctc& ctc_;
  const float* x_;
  int64_t steps_, states_;
  int64_t* classes_;
  double *alpha_, *normaliser_, *beta_, *ahead_, *expected_;
};

}  // namespace

// logits, labels, label_length, logit_length; blank_index -> the loss, and its gradient by the logits.
int CtcLoss(penstock_call* call) {
  const penstock_tensor *logits = call->inputs[0], *labels = call->inputs[1];
  const int64_t classes = logits->shape[2], blank = IntAttr(call, 0);
  const Ctc ctc = {logits->shape[0],
                   logits->shape[1],
                   classes,
                   labels->shape[1],
                   blank < 0 ? blank + classes : blank,
                   Data<const float>(logits),
                   labels,
                   call->inputs[2],
                   call->inputs[3]};
  const int status = Check(call, ctc);
  if (status != PENSTOCK_OK) return status;
  float *losses = Output<float>(call, 0), *gradients = Output<float>(call, 1);
  const int64_t size = ctc.time * classes, room = Sequence::Room(ctc);
  double* rooms = Scratch<double>(call, ctc.batch * room);
  int64_t* states = Scratch<int64_t>(call, ctc.batch * ctc.States());
  if (rooms == nullptr || states == nullptr) return PENSTOCK_NO_MEMORY;
  return ParallelFor(call, ctc.batch, Grain(8 * (room + size)), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      float* gradient = gradients + b * size;
      memset(gradient, 0, static_cast<size_t>(size) * sizeof(float));
      Sequence sequence(ctc, b, rooms + b * room, states + b * ctc.States());
      const double loss = sequence.Forward();
      losses[b] = static_cast<float>(loss);
      if (isfinite(loss)) sequence.Backward(loss, gradient);
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
