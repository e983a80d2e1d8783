"""Quantisation of trained models; `penstock.quantization` is this module."""
