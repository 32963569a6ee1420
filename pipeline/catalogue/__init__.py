"""What there is: methods, evaluations, tables, trunks, layouts; read without PyTorch."""
