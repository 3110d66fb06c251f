"""The ring: images of parts that are worth keeping, in bounded space, with what people said of them."""
