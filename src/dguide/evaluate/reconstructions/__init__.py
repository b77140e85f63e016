"""What a tokenizer of images keeps of real pictures."""

__all__ = ()
