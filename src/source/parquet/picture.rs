//! A row's image: the forms that data sets give it.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use bytes::Bytes;

/// Where a row's image is.
#[derive(Clone, PartialEq)]
pub(super) enum Picture {
    Bytes(Bytes),
    Path(String),
    Wrong(String),
}

/// The image in a cell: bytes, a struct of bytes and path, a path, or a list of one of these.
pub(super) fn picture(column: &dyn Array, row: usize) -> Picture {
    if column.is_null(row) {
        return Picture::Wrong("the row has no image (null)".to_owned());
    }
    match column.data_type() {
        DataType::Binary => Picture::Bytes(Bytes::copy_from_slice(column.as_binary::<i32>().value(row))),
        DataType::LargeBinary => Picture::Bytes(Bytes::copy_from_slice(column.as_binary::<i64>().value(row))),
        DataType::BinaryView => Picture::Bytes(Bytes::copy_from_slice(column.as_binary_view().value(row))),
        DataType::Utf8 => Picture::Path(column.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Picture::Path(column.as_string::<i64>().value(row).to_owned()),
        DataType::List(_) => match column.as_list::<i32>().value(row) {
            images if images.len() == 1 => picture(&images, 0),
            images => Picture::Wrong(format!("the row has {} images; one is expected", images.len())),
        },
        DataType::Struct(_) => {
            let fields = column.as_struct();
            let parts = ["bytes", "path"].map(|name| fields.column_by_name(name));
            let part = parts.into_iter().flatten().find(|part| !part.is_null(row));
            part.map_or_else(
                || Picture::Wrong("the row's image has neither bytes nor path".to_owned()),
                |part| picture(part, row),
            )
        }
        other => Picture::Wrong(format!(
            "the image column has type {other}; expected struct<bytes, path> or binary"
        )),
    }
}

/// Whether a column looks like images, whatever its name.
pub(super) fn is_struct_image(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(fields) if fields.find("bytes").is_some())
}
