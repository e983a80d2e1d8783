#include "ops/kernel_table.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>
#include <sstream>

#include "base/error.h"

namespace penstock {
namespace {

std::atomic<ActivationHook> g_activation{nullptr};
std::atomic<MissingHint> g_hint{nullptr};
std::atomic<uint64_t> g_version{1};

// What the cache compares: device and all dtypes, exactly, for up to kMaxKey of them; longer lists are not cached.
constexpr int kMaxKey = 14;
struct Key {
  uint8_t bytes[16];
  bool operator==(const Key& o) const { return std::memcmp(bytes, o.bytes, sizeof(bytes)) == 0; }
};

bool make_key(const Device& device, const DType* in, int num_in, const DType* out, int num_out,
              Key* key) {
  if (num_in + num_out > kMaxKey || device.id > 255) return false;
  std::memset(key->bytes, 0xff, sizeof(key->bytes));
  key->bytes[0] = static_cast<uint8_t>(device.id);
  key->bytes[1] = static_cast<uint8_t>(num_in);
  // An empty list may come as a null pointer, which memcpy must not be given.
  if (num_in) std::memcpy(key->bytes + 2, in, static_cast<size_t>(num_in));
  if (num_out) std::memcpy(key->bytes + 2 + num_in, out, static_cast<size_t>(num_out));
  return true;
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + separator.size();
  }
}

bool matches_one(const std::string& code, DType dtype) {
  return code == "*" || code == dtype_code(dtype);
}

bool matches_list(const std::string& list, const DType* dtypes, int n) {
  if (list.empty()) return n == 0;
  std::vector<std::string> codes = split(list, ",");
  for (int i = 0; i < n; ++i) {
    size_t at = std::min<size_t>(static_cast<size_t>(i), codes.size() - 1);
    if (!matches_one(codes[at], dtypes[i])) return false;
  }
  return n >= static_cast<int>(codes.size());
}

bool matches(const std::string& alternative, const DType* in, int num_in, const DType* out,
             int num_out) {
  size_t arrow = alternative.find("->");
  if (arrow != std::string::npos)
    return matches_list(alternative.substr(0, arrow), in, num_in) &&
           matches_list(alternative.substr(arrow + 2), out, num_out);
  auto same = [&](DType t) { return matches_one(alternative, t); };
  return std::all_of(in, in + num_in, same) && std::all_of(out, out + num_out, same);
}

void check_dtypes(const std::string& dtypes, const std::string& op) {
  std::istringstream alternatives(dtypes);
  std::string alternative;
  while (alternatives >> alternative) {
    std::string flat = alternative;
    size_t arrow = flat.find("->");
    if (arrow != std::string::npos) flat.replace(arrow, 2, ",");
    for (const std::string& code : split(flat, ",")) {
      DType ignored;
      if (!code.empty() && code != "*" && !dtype_from_code(code, &ignored))
        fail(ErrorKind::kPlugin, "a kernel for '", op, "' lists the dtype '", code,
             "'; known are bool i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 c64 c128 str and *");
    }
  }
}

std::string dtype_list(const DType* dtypes, int n) {
  std::string out = "(";
  for (int i = 0; i < n; ++i) out += std::string(i ? ", " : "") + dtype_name(dtypes[i]);
  return out + ")";
}

[[noreturn]] void no_kernel(Op& op, const Device& device, const DType* in, int num_in) {
  std::ostringstream message;
  message << "[" << op.name() << "] has no kernel on " << device.name() << " for "
          << dtype_list(in, num_in);
  std::set<std::string> available;
  for (const KernelRow* row : op.kernels->rows())
    available.insert(row->device + " (" + row->dtypes + ", from " + row->provider + ")");
  if (available.empty()) {
    message << (op.name().find('.') == std::string::npos
                    ? "; no installed plugin has one: install penstock-kernels-cpu"
                    : "; it has no kernel at all: attach one with .reference or .compose, or "
                      "register a native one");
  } else {
    message << "; there are kernels on";
    for (const std::string& a : available) message << " " << a;
    message << ": convert with x.astype(...), or move with penstock.to_device(x, 'cpu')";
  }
  if (MissingHint hint = g_hint.load()) message << hint(op.name().c_str(), device.type.c_str());
  throw Error(ErrorKind::kKernel, message.str());
}

}  // namespace

bool KernelRow::may_alias(int output, int input) const {
  for (size_t i = 0; i + 1 < inplace.size(); i += 2)
    if (inplace[i] == output && inplace[i + 1] == input) return true;
  return false;
}

struct KernelRows::Cache {
  std::vector<std::pair<Key, const KernelRow*>> entries;
};

KernelRows* new_kernel_rows() { return new KernelRows; }
void delete_kernel_rows(KernelRows* rows) { delete rows; }

const KernelRow* KernelRows::find(const Op& op, const Device& device, const DType* in, int num_in,
                                  const DType* out, int num_out) {
  Key key;
  bool cacheable = make_key(device, in, num_in, out, num_out, &key);
  if (Cache* cache = cacheable ? cache_.load(std::memory_order_acquire) : nullptr) {
    for (const auto& [k, row] : cache->entries)
      if (k == key) return row;
  }
  if (ActivationHook hook = g_activation.load()) hook(device.type.c_str());
  std::lock_guard lock(mutex_);
  const KernelRow* row = resolve(op, device, in, num_in, out, num_out);
  if (row && cacheable) {  // publish a copy: readers never lock
    auto next = std::make_unique<Cache>();
    if (Cache* cache = cache_.load()) *next = *cache;
    next->entries.emplace_back(key, row);
    cache_.store(next.get(), std::memory_order_release);
    caches_.push_back(std::move(next));
  }
  return row;
}

const KernelRow* KernelRows::resolve(const Op& op, const Device& device, const DType* in,
                                     int num_in, const DType* out, int num_out) {
  const KernelRow* best = nullptr;
  for (const auto& row : rows_) {
    if (row->device != device.type) continue;
    std::istringstream alternatives(row->dtypes);
    std::string alternative;
    bool fits = false;
    while (!fits && alternatives >> alternative)
      fits = matches(alternative, in, num_in, out, num_out);
    if (!fits) continue;
    if (best && best->def.priority == row->def.priority && best->provider != row->provider)
      fail(ErrorKind::kKernel, "[", op.name(), "] two plugins give a kernel for ", device.name(),
           " and ", dtype_list(in, num_in), " with equal priority: ", best->provider, " and ",
           row->provider, "; switch one off: PENSTOCK_PLUGINS=-", row->provider);
    if (!best || row->def.priority > best->def.priority) best = row.get();
  }
  return best;
}

void KernelRows::add(std::unique_ptr<KernelRow> row) {
  std::lock_guard lock(mutex_);
  rows_.push_back(std::move(row));
  cache_.store(nullptr, std::memory_order_release);
  g_version.fetch_add(1, std::memory_order_release);
}

void KernelRows::remove_provider(const std::string& provider) {
  std::lock_guard lock(mutex_);
  for (auto it = rows_.begin(); it != rows_.end();) {
    if ((*it)->provider == provider) {
      removed_.push_back(std::move(*it));
      it = rows_.erase(it);
    } else {
      ++it;
    }
  }
  cache_.store(nullptr, std::memory_order_release);
  g_version.fetch_add(1, std::memory_order_release);
}

std::vector<const KernelRow*> KernelRows::rows() {
  std::lock_guard lock(mutex_);
  std::vector<const KernelRow*> out;
  for (const auto& row : rows_) out.push_back(row.get());
  return out;
}

namespace {

// The op that stands for another one with a tile program behind it.
std::string with_epilogue(const std::string& op) { return "core." + op + "_tile"; }

// The same kernel as a row of that op.
void add_epilogue(const KernelRow& row) {
  std::string op = with_epilogue(row.op);
  penstock_kernel_def def = row.def;
  def.head.struct_size = sizeof(def);
  def.op = op.c_str();
  def.op_version = get_op(op).schema.version;
  def.caps &= ~static_cast<uint64_t>(PENSTOCK_CAP_TILE_EPILOGUE);
  def.inplace = nullptr;
  auto second = make_kernel(def, row.provider, row.is_python);
  second->def.op = second->op.c_str();
  add_kernel(std::move(second));
}

}  // namespace

std::unique_ptr<KernelRow> make_kernel(const penstock_kernel_def& given,
                                       const std::string& provider, bool is_python) {
  if (given.head.abi_major != PENSTOCK_ABI_MAJOR)
    fail(ErrorKind::kPlugin, provider, " was built for kernel ABI ", given.head.abi_major,
         "; this is ABI ", PENSTOCK_ABI_MAJOR, ": rebuild it with the installed penstock");
  if (given.head.struct_size < offsetof(penstock_kernel_def, run) + sizeof(given.run))
    fail(ErrorKind::kPlugin, provider, " adds a kernel with struct_size ", given.head.struct_size,
         "; set def.head.struct_size = sizeof(penstock_kernel_def)");
  auto row = std::make_unique<KernelRow>();
  penstock_kernel_def& def = row->def;  // what an older plugin does not have stays zero
  std::memset(&def, 0, sizeof(def));
  std::memcpy(&def, &given, std::min<size_t>(given.head.struct_size, sizeof(def)));
  if (!def.op || !def.device || !def.dtypes || !def.run)
    fail(ErrorKind::kPlugin, provider, " adds a kernel without op, device, dtypes or run");
  Op& op = get_op(def.op);
  if (def.op_version != op.schema.version)
    fail(ErrorKind::kPlugin, provider, " has a kernel for ", def.op, "@", def.op_version,
         "; this penstock has ", def.op, "@", op.schema.version);
  check_dtypes(def.dtypes, def.op);
  if (def.layouts && std::string(def.layouts) != "NHWC")
    fail(ErrorKind::kPlugin, provider, " has a kernel for '", def.op, "' that wants layouts '",
         def.layouts, "'; images are NHWC here: declare \"NHWC\" and transpose in the kernel");
  if ((def.caps & PENSTOCK_CAP_TILE_EPILOGUE) && !find_op(with_epilogue(def.op)))
    fail(ErrorKind::kPlugin, provider, " declares PENSTOCK_CAP_TILE_EPILOGUE for '", def.op,
         "'; it is for matmul, conv2d and depthwise_conv2d: take it out of caps");
  row->provider = provider;
  row->op = def.op;
  row->device = def.device;
  row->dtypes = def.dtypes;
  row->isa = def.isa ? def.isa : "";
  for (const int8_t* p = def.inplace; p && p[0] >= 0 && p[1] >= 0; p += 2) {
    row->inplace.push_back(p[0]);
    row->inplace.push_back(p[1]);
  }
  row->is_python = is_python;
  return row;
}

void add_kernel(std::unique_ptr<KernelRow> row) {
  if (row->def.caps & PENSTOCK_CAP_TILE_EPILOGUE) add_epilogue(*row);
  Op& op = get_op(row->op);
  op.kernels->add(std::move(row));
}

void add_kernel(const penstock_kernel_def& def, const std::string& provider, bool is_python) {
  add_kernel(make_kernel(def, provider, is_python));
}

void remove_kernels(const std::string& provider) {
  for (const std::string& name : op_names()) get_op(name).kernels->remove_provider(provider);
}

const KernelRow* try_kernel_for(Op& op, const Device& device, const DType* in, int num_in,
                                const DType* out, int num_out) {
  return op.kernels->find(op, device, in, num_in, out, num_out);
}

const KernelRow& kernel_for(Op& op, const Device& device, const DType* in, int num_in,
                            const DType* out, int num_out) {
  const KernelRow* row = try_kernel_for(op, device, in, num_in, out, num_out);
  if (!row) no_kernel(op, device, in, num_in);
  return *row;
}

uint64_t kernels_fingerprint(const std::string& device) {
  std::vector<std::string> lines;
  for (const std::string& name : op_names())
    for (const KernelRow* row : get_op(name).kernels->rows())
      if (row->device == device && !row->is_python)
        lines.push_back(name + ' ' + row->dtypes + ' ' + row->isa + ' ' +
                        std::to_string(row->def.priority) + ' ' + std::to_string(row->def.caps) +
                        '\n');
  std::sort(lines.begin(), lines.end());
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const std::string& line : lines)
    for (char c : line) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

uint64_t kernel_version() { return g_version.load(std::memory_order_acquire); }
void set_activation_hook(ActivationHook hook) { g_activation = hook; }
void set_missing_hint(MissingHint hint) { g_hint = hint; }

}  // namespace penstock
