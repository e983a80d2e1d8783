// The closed set of native shape rules; rules.cpp has the table from rule string to function. A
// rule with an argument is one function per argument ("reduce:sum"), so a misspelt argument is
// found when the op is registered, and an eager call compares no strings.
#pragma once

#include "ops/infer.h"

namespace penstock {

// rules_elementwise.cpp
void rule_elementwise_any(InferContext&);
void rule_elementwise_numeric(InferContext&);
void rule_elementwise_real(InferContext&);
void rule_elementwise_float(InferContext&);
void rule_elementwise_real_float(InferContext&);
void rule_elementwise_bits(InferContext&);
void rule_elementwise_bool(InferContext&);
void rule_elementwise_integer(InferContext&);
void rule_comparison(InferContext&);
void rule_predicate(InferContext&);
void rule_predicate_real(InferContext&);
void rule_real_part(InferContext&);
void rule_complex_of(InferContext&);
void rule_where(InferContext&);

// rules_reduce.cpp
void rule_reduce_same(InferContext&);
void rule_reduce_numeric(InferContext&);
void rule_reduce_real(InferContext&);
void rule_reduce_float(InferContext&);
void rule_reduce_real_float(InferContext&);
void rule_reduce_bool(InferContext&);
void rule_reduce_sum(InferContext&);
void rule_argreduce(InferContext&);
void rule_cumulative_sum(InferContext&);
void rule_cumulative_float(InferContext&);
void rule_cumulative_real(InferContext&);

// rules_movement.cpp
void rule_reshape(InferContext&);
void rule_transpose(InferContext&);
void rule_broadcast_to(InferContext&);
void rule_concat(InferContext&);
void rule_pad(InferContext&);

// rules_indexing.cpp
void rule_slice(InferContext&);
void rule_slice_update(InferContext&);
void rule_take(InferContext&);
void rule_scatter_any(InferContext&);
void rule_scatter_numeric(InferContext&);
void rule_scatter_real(InferContext&);
void rule_one_hot(InferContext&);

// rules_gather.cpp
void rule_take_along_axis(InferContext&);
void rule_put_along_axis(InferContext&);
void rule_gather_nd(InferContext&);
void rule_scatter_nd_any(InferContext&);
void rule_scatter_nd_numeric(InferContext&);
void rule_scatter_nd_real(InferContext&);

// rules_sorting.cpp
void rule_sort(InferContext&);
void rule_argsort(InferContext&);
void rule_top_k(InferContext&);
void rule_searchsorted(InferContext&);

// rules_repeating.cpp
void rule_repeat(InferContext&);
void rule_tile_copies(InferContext&);
void rule_roll(InferContext&);
void rule_diagonal(InferContext&);
void rule_diagonal_scatter(InferContext&);

// rules_selecting.cpp
void rule_segment_numeric(InferContext&);
void rule_segment_real(InferContext&);
void rule_segment_float(InferContext&);
void rule_nonzero(InferContext&);
void rule_sparse_matmul(InferContext&);
void rule_unique(InferContext&);

// rules_trees.cpp
void rule_tree_bins(InferContext&);
void rule_tree_grow(InferContext&);
void rule_tree_predict(InferContext&);

// rules_einsum.cpp
void rule_einsum(InferContext&);

// rules_image.cpp
void rule_image_resize(InferContext&);
void rule_image_resize_grad(InferContext&);
void rule_image_sample(InferContext&);
void rule_image_sample_grad(InferContext&);
void rule_crop_and_resize(InferContext&);
void rule_color_same(InferContext&);
void rule_color_gray(InferContext&);
void rule_box_iou(InferContext&);
void rule_non_max_suppression(InferContext&);
void rule_draw_bounding_boxes(InferContext&);
void rule_decode_image(InferContext&);
void rule_encode_image(InferContext&);
// rules_fft.cpp
void rule_fft_complex(InferContext&);
void rule_fft_of_real(InferContext&);
void rule_fft_to_real(InferContext&);

// rules_matrix.cpp
void rule_matrix_square(InferContext&);
void rule_matrix_number(InferContext&);
void rule_matrix_slogdet(InferContext&);
void rule_matrix_eigh(InferContext&);
void rule_matrix_eigvalsh(InferContext&);
void rule_matrix_eig(InferContext&);
void rule_matrix_eigvals(InferContext&);
void rule_matrix_qr(InferContext&);
void rule_matrix_svd(InferContext&);
void rule_matrix_svdvals(InferContext&);
void rule_matrix_lu(InferContext&);
void rule_matrix_pinv(InferContext&);
void rule_matrix_solve(InferContext&);

// rules_strings.cpp
void rule_string_to_string(InferContext&);
void rule_string_to_bool(InferContext&);
void rule_string_to_int(InferContext&);
void rule_string_to_bucket(InferContext&);
void rule_string_to_number(InferContext&);
void rule_number_to_string(InferContext&);
void rule_string_split(InferContext&);
void rule_string_to_codes(InferContext&);
void rule_string_to_pieces(InferContext&);
void rule_string_columns(InferContext&);
void rule_string_fields(InferContext&);
void rule_codes_to_string(InferContext&);
void rule_string_ngrams(InferContext&);
void rule_string_reduce(InferContext&);
void rule_string_search(InferContext&);

// rules_signal.cpp
void rule_frame(InferContext&);
void rule_overlap_and_add(InferContext&);

// rules_nn.cpp
void rule_matmul(InferContext&);
void rule_softmax(InferContext&);
void rule_rows(InferContext&);
void rule_softmax_cross_entropy(InferContext&);
void rule_softmax_cross_entropy_grad(InferContext&);
void rule_batch_norm(InferContext&);
void rule_batch_norm_grad(InferContext&);
void rule_batch_norm_relu_grad(InferContext&);

// rules_tile.cpp
void rule_tile(InferContext&);
void rule_matmul_tile(InferContext&);
void rule_conv2d_tile(InferContext&);
void rule_depthwise_conv2d_tile(InferContext&);

// rules_conv.cpp
void rule_conv2d(InferContext&);
void rule_conv2d_input_grad(InferContext&);
void rule_conv2d_filter_grad(InferContext&);
void rule_depthwise_conv2d(InferContext&);
void rule_depthwise_conv2d_input_grad(InferContext&);
void rule_depthwise_conv2d_filter_grad(InferContext&);
void rule_conv2d_transpose(InferContext&);
void rule_pool2d_real(InferContext&);
void rule_pool2d_float(InferContext&);
void rule_padded_max_pool2d(InferContext&);
void rule_max_pool2d_grad(InferContext&);
void rule_avg_pool2d_grad(InferContext&);
void rule_conv3d(InferContext&);
void rule_conv3d_input_grad(InferContext&);
void rule_conv3d_filter_grad(InferContext&);
void rule_pool3d_real(InferContext&);
void rule_pool3d_float(InferContext&);
void rule_max_pool3d_grad(InferContext&);
void rule_avg_pool3d_grad(InferContext&);

// rules_recurrent.cpp
void rule_lstm(InferContext&);
void rule_lstm_grad(InferContext&);
void rule_gru(InferContext&);
void rule_gru_grad(InferContext&);
void rule_simple_rnn(InferContext&);
void rule_simple_rnn_grad(InferContext&);
void rule_ctc_loss(InferContext&);
void rule_ctc_beam(InferContext&);
void rule_quantized_conv2d(InferContext&);
void rule_quantized_depthwise_conv2d(InferContext&);
void rule_quantized_avg_pool2d(InferContext&);

// rules_quantized.cpp
void rule_quantize(InferContext&);
void rule_dequantize(InferContext&);
void rule_fake_quant(InferContext&);
void rule_requantize(InferContext&);
void rule_quantized_binary(InferContext&);
void rule_quantized_softmax(InferContext&);
void rule_quantized_matmul(InferContext&);
void rule_weight_only_matmul(InferContext&);
void rule_dynamic_quantized_matmul(InferContext&);
void rule_quantized_concat(InferContext&);

// rules_norm.cpp
void rule_layer_norm(InferContext&);
void rule_layer_norm_grad(InferContext&);
void rule_rms_norm(InferContext&);
void rule_rms_norm_grad(InferContext&);
void rule_group_norm(InferContext&);
void rule_group_norm_grad(InferContext&);

// rules_attention.cpp
void rule_attention(InferContext&);
void rule_attention_biased(InferContext&);
void rule_attention_grad(InferContext&);
void rule_attention_biased_grad(InferContext&);

// rules_embedding.cpp
void rule_embedding(InferContext&);
void rule_adam_update_rows(InferContext&);

// rules_random.cpp: tensors from attributes alone
void rule_random(InferContext&);
void rule_random_uniform(InferContext&);
void rule_random_normal(InferContext&);
void rule_random_keyed_uniform(InferContext&);
void rule_random_keyed_normal(InferContext&);
void rule_random_integers(InferContext&);
void rule_random_counts(InferContext&);
void rule_random_categorical(InferContext&);
void rule_random_candidates(InferContext&);
void rule_arange(InferContext&);
void rule_full(InferContext&);
void rule_size_of(InferContext&);

// rules_host.cpp
void rule_host_call(InferContext&);

// rules_basic.cpp
void rule_constant(InferContext&);
void rule_placeholder(InferContext&);
void rule_same(InferContext&);
void rule_cast(InferContext&);
void rule_to_device(InferContext&);
void rule_custom_gradient(InferContext&);
void rule_adam_update(InferContext&);

std::vector<std::string> rule_names();

// graph/
void rule_read_variable(InferContext&);
void rule_assign_variable(InferContext&);
void rule_call(InferContext&);
void rule_cond(InferContext&);
void rule_while(InferContext&);
void rule_scan(InferContext&);

}  // namespace penstock
