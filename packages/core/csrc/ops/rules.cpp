#include "ops/rules.h"

#include <mutex>
#include <unordered_map>

namespace penstock {
namespace {

using Table = std::unordered_map<std::string, InferFn>;

// Rule strings as op blocks write them. An explicit table: a linker may drop self-registering
// objects of an archive.
const Table& core_rules() {
  static const Table* table = new Table{
      {"elementwise:any", rule_elementwise_any},
      {"elementwise:numeric", rule_elementwise_numeric},
      {"elementwise:real", rule_elementwise_real},
      {"elementwise:float", rule_elementwise_float},
      {"elementwise:real_float", rule_elementwise_real_float},
      {"elementwise:bits", rule_elementwise_bits},
      {"elementwise:bool", rule_elementwise_bool},
      {"elementwise:integer", rule_elementwise_integer},
      {"true_divide", rule_elementwise_float},
      {"comparison", rule_comparison},
      {"predicate", rule_predicate},
      {"predicate:real", rule_predicate_real},
      {"real_part", rule_real_part},
      {"complex_of", rule_complex_of},
      {"where", rule_where},
      {"reduce:same", rule_reduce_same},
      {"reduce:numeric", rule_reduce_numeric},
      {"reduce:real", rule_reduce_real},
      {"reduce:float", rule_reduce_float},
      {"reduce:real_float", rule_reduce_real_float},
      {"reduce:bool", rule_reduce_bool},
      {"reduce:sum", rule_reduce_sum},
      {"argreduce", rule_argreduce},
      {"cumulative:sum", rule_cumulative_sum},
      {"cumulative:float", rule_cumulative_float},
      {"cumulative:real", rule_cumulative_real},
      {"reshape", rule_reshape},
      {"transpose", rule_transpose},
      {"broadcast_to", rule_broadcast_to},
      {"concat", rule_concat},
      {"pad", rule_pad},
      {"slice", rule_slice},
      {"slice_update", rule_slice_update},
      {"take", rule_take},
      {"scatter_add", rule_scatter_numeric},
      {"scatter:any", rule_scatter_any},
      {"scatter:real", rule_scatter_real},
      {"take_along_axis", rule_take_along_axis},
      {"put_along_axis", rule_put_along_axis},
      {"gather_nd", rule_gather_nd},
      {"scatter_nd:any", rule_scatter_nd_any},
      {"scatter_nd:numeric", rule_scatter_nd_numeric},
      {"scatter_nd:real", rule_scatter_nd_real},
      {"one_hot", rule_one_hot},
      {"sort", rule_sort},
      {"argsort", rule_argsort},
      {"top_k", rule_top_k},
      {"searchsorted", rule_searchsorted},
      {"repeat", rule_repeat},
      {"tile_copies", rule_tile_copies},
      {"roll", rule_roll},
      {"diagonal", rule_diagonal},
      {"diagonal_scatter", rule_diagonal_scatter},
      {"segment:numeric", rule_segment_numeric},
      {"segment:real", rule_segment_real},
      {"segment:float", rule_segment_float},
      {"nonzero", rule_nonzero},
      {"sparse_matmul", rule_sparse_matmul},
      {"unique", rule_unique},
      {"tree_bins", rule_tree_bins},
      {"tree_grow", rule_tree_grow},
      {"tree_predict", rule_tree_predict},
      {"einsum", rule_einsum},
      {"image_resize", rule_image_resize},
      {"image_resize_grad", rule_image_resize_grad},
      {"image_resize:sample", rule_image_sample},
      {"image_resize_grad:sample", rule_image_sample_grad},
      {"crop_and_resize", rule_crop_and_resize},
      {"color:same", rule_color_same},
      {"color:gray", rule_color_gray},
      {"box_iou", rule_box_iou},
      {"non_max_suppression", rule_non_max_suppression},
      {"draw_bounding_boxes", rule_draw_bounding_boxes},
      {"decode_image", rule_decode_image},
      {"encode_image", rule_encode_image},
      {"fft:complex", rule_fft_complex},
      {"fft:of_real", rule_fft_of_real},
      {"fft:to_real", rule_fft_to_real},
      {"matrix:square", rule_matrix_square},
      {"matrix:number", rule_matrix_number},
      {"matrix:slogdet", rule_matrix_slogdet},
      {"matrix:eigh", rule_matrix_eigh},
      {"matrix:eigvalsh", rule_matrix_eigvalsh},
      {"matrix:eig", rule_matrix_eig},
      {"matrix:eigvals", rule_matrix_eigvals},
      {"matrix:qr", rule_matrix_qr},
      {"matrix:svd", rule_matrix_svd},
      {"matrix:svdvals", rule_matrix_svdvals},
      {"matrix:lu", rule_matrix_lu},
      {"matrix:pinv", rule_matrix_pinv},
      {"matrix:solve", rule_matrix_solve},
      {"string_to_string", rule_string_to_string},
      {"string_to_bool", rule_string_to_bool},
      {"string_to_int", rule_string_to_int},
      {"string_to_bucket", rule_string_to_bucket},
      {"string_to_number", rule_string_to_number},
      {"number_to_string", rule_number_to_string},
      {"string_split", rule_string_split},
      {"string_to_codes", rule_string_to_codes},
      {"string_to_pieces", rule_string_to_pieces},
      {"string_columns", rule_string_columns},
      {"string_fields", rule_string_fields},
      {"codes_to_string", rule_codes_to_string},
      {"string_ngrams", rule_string_ngrams},
      {"string_reduce", rule_string_reduce},
      {"string_search", rule_string_search},
      {"frame", rule_frame},
      {"overlap_and_add", rule_overlap_and_add},
      {"matmul", rule_matmul},
      {"softmax", rule_softmax},
      {"rows", rule_rows},
      {"softmax_cross_entropy", rule_softmax_cross_entropy},
      {"softmax_cross_entropy_grad", rule_softmax_cross_entropy_grad},
      {"batch_norm", rule_batch_norm},
      {"batch_norm_grad", rule_batch_norm_grad},
      {"batch_norm_relu_grad", rule_batch_norm_relu_grad},
      {"tile", rule_tile},
      {"matmul_tile", rule_matmul_tile},
      {"conv2d_tile", rule_conv2d_tile},
      {"depthwise_conv2d_tile", rule_depthwise_conv2d_tile},
      {"padded_max_pool2d", rule_padded_max_pool2d},
      {"conv2d", rule_conv2d},
      {"conv2d_input_grad", rule_conv2d_input_grad},
      {"conv2d_filter_grad", rule_conv2d_filter_grad},
      {"pool2d", rule_pool2d_real},
      {"pool2d:real", rule_pool2d_real},
      {"pool2d:float", rule_pool2d_float},
      {"max_pool2d_grad", rule_max_pool2d_grad},
      {"avg_pool2d_grad", rule_avg_pool2d_grad},
      {"conv3d", rule_conv3d},
      {"conv3d_input_grad", rule_conv3d_input_grad},
      {"conv3d_filter_grad", rule_conv3d_filter_grad},
      {"pool3d:real", rule_pool3d_real},
      {"pool3d:float", rule_pool3d_float},
      {"max_pool3d_grad", rule_max_pool3d_grad},
      {"avg_pool3d_grad", rule_avg_pool3d_grad},
      {"lstm", rule_lstm},
      {"lstm_grad", rule_lstm_grad},
      {"gru", rule_gru},
      {"gru_grad", rule_gru_grad},
      {"simple_rnn", rule_simple_rnn},
      {"simple_rnn_grad", rule_simple_rnn_grad},
      {"ctc_loss", rule_ctc_loss},
      {"ctc_beam", rule_ctc_beam},
      {"depthwise_conv2d", rule_depthwise_conv2d},
      {"depthwise_conv2d_input_grad", rule_depthwise_conv2d_input_grad},
      {"depthwise_conv2d_filter_grad", rule_depthwise_conv2d_filter_grad},
      {"conv2d_transpose", rule_conv2d_transpose},
      {"layer_norm", rule_layer_norm},
      {"layer_norm_grad", rule_layer_norm_grad},
      {"rms_norm", rule_rms_norm},
      {"rms_norm_grad", rule_rms_norm_grad},
      {"group_norm", rule_group_norm},
      {"group_norm_grad", rule_group_norm_grad},
      {"attention", rule_attention},
      {"attention_biased", rule_attention_biased},
      {"attention_grad", rule_attention_grad},
      {"attention_biased_grad", rule_attention_biased_grad},
      {"embedding", rule_embedding},
      {"quantize", rule_quantize},
      {"dequantize", rule_dequantize},
      {"fake_quant", rule_fake_quant},
      {"requantize", rule_requantize},
      {"quantized_binary", rule_quantized_binary},
      {"quantized_softmax", rule_quantized_softmax},
      {"quantized_matmul", rule_quantized_matmul},
      {"weight_only_matmul", rule_weight_only_matmul},
      {"dynamic_quantized_matmul", rule_dynamic_quantized_matmul},
      {"quantized_concat", rule_quantized_concat},
      {"quantized_conv2d", rule_quantized_conv2d},
      {"quantized_depthwise_conv2d", rule_quantized_depthwise_conv2d},
      {"quantized_avg_pool2d", rule_quantized_avg_pool2d},
      {"adam_update_rows", rule_adam_update_rows},
      {"random", rule_random},
      {"random:uniform", rule_random_uniform},
      {"random:normal", rule_random_normal},
      {"random:keyed_uniform", rule_random_keyed_uniform},
      {"random:keyed_normal", rule_random_keyed_normal},
      {"random:integers", rule_random_integers},
      {"random:counts", rule_random_counts},
      {"random:categorical", rule_random_categorical},
      {"random:candidates", rule_random_candidates},
      {"arange", rule_arange},
      {"full", rule_full},
      {"size_of", rule_size_of},
      {"host_call", rule_host_call},
      {"constant", rule_constant},
      {"placeholder", rule_placeholder},
      {"same", rule_same},
      {"cast", rule_cast},
      {"to_device", rule_to_device},
      {"custom_gradient", rule_custom_gradient},
      {"adam_update", rule_adam_update},
      {"read_variable", rule_read_variable},
      {"assign_variable", rule_assign_variable},
      {"call", rule_call},
      {"cond", rule_cond},
      {"while", rule_while},
      {"scan", rule_scan},
  };
  return *table;
}

struct Added {
  std::mutex mutex;
  Table rules;
};

Added& added_rules() {
  static Added* added = new Added;  // never destroyed: plugins may register late
  return *added;
}

}  // namespace

InferFn find_rule(const std::string& name) {
  const Table& core = core_rules();
  if (auto it = core.find(name); it != core.end()) return it->second;
  Added& added = added_rules();
  std::lock_guard lock(added.mutex);
  auto it = added.rules.find(name);
  return it == added.rules.end() ? nullptr : it->second;
}

void register_rule(const std::string& name, InferFn fn) {
  Added& added = added_rules();
  std::lock_guard lock(added.mutex);
  if (core_rules().count(name) || !added.rules.emplace(name, fn).second)
    fail(ErrorKind::kValue, "a shape rule named \"", name,
         "\" is registered already; choose another name");
}

std::vector<std::string> rule_names() {
  std::vector<std::string> names;
  for (const auto& [name, fn] : core_rules()) names.push_back(name);
  Added& added = added_rules();
  std::lock_guard lock(added.mutex);
  for (const auto& [name, fn] : added.rules) names.push_back(name);
  return names;
}

}  // namespace penstock
